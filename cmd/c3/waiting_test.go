package main

import (
	"net/http"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ctwo-go/c2/internal/await"
)

// awaitURL waits until a URL is answered with 200.
func awaitURL(ts *testscript.TestScript, neg bool, args []string) {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, ok := await.Within(await.Limit, func() bool {
		resp, err := client.Get(args[0])
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	if !ok {
		ts.Fatalf("%s was not answered with 200", args[0])
	}
}

// retry runs a command until its output matches.
func retry(ts *testscript.TestScript, neg bool, args []string) {
	want := regexp.MustCompile(args[0])
	_, ok := await.Within(await.Limit, func() bool {
		err := ts.Exec(args[1], args[2:]...)
		return err == nil && want.MatchString(ts.ReadFile("stdout"))
	})
	if !ok {
		ts.Fatalf("%v never said %s", args[1:], args[0])
	}
}
