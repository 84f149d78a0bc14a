package c2_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// TestManySmallItems: a relay's answer takes no more memory than is in proportion to its bound, however small its items are.
func TestManySmallItems(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	list := func() error { _, err := c2.List(within(t), c2.On(client)); return err }
	connect := func() error { _, err := c2.Connect[Counter](within(t), "counter", c2.On(client)); return err }
	for name, c := range map[string]struct {
		path, answer string
		do           func() error
		want         error
	}{
		"names":   {"/v1/resources", `{"resources":[` + strings.Repeat("{},", 6<<20) + `{}]}`, list, c2.ErrTooLarge},
		"nobody":  {"/v1/resources", `{"resources":[{}]}`, list, c2.ErrInternal},
		"methods": {"/v1/resources/", `{"name":"counter","id":"0000000000000001","methods":[` + strings.Repeat("{},", 1<<20) + `{}]}`, connect, c2.ErrTooLarge},
		"places":  {"/v1/resolve/", `{"name":"counter","candidates":[` + strings.Repeat("{},", 300<<10) + `{}]}`, connect, c2.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			r.onPath(c.path, status(200, relayapi.TypeJSON, c.answer))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.do()
			runtime.ReadMemStats(&after)
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 100<<20 {
				t.Errorf("%d MiB of text took %d MiB of memory", len(c.answer)>>20, took>>20)
			}
		})
	}
}

// TestListTakesTooMuch: descriptions that are each of a size that is taken are not taken in any number.
func TestListTakesTooMuch(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf(`{"name":"n%d"}`, i))
	}
	methods := strings.Repeat("null,", 250<<10)
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			switch name := strings.TrimPrefix(req.URL.Path, "/v1/resources"); {
			case name == "":
				status(200, relayapi.TypeJSON, `{"resources":[`+strings.Join(names, ",")+`]}`)(w, req)
			case name != req.URL.Path:
				status(200, relayapi.TypeJSON, fmt.Sprintf(`{"name":"%s","id":"0000000000000001","x":[%snull]}`, name[1:], methods))(w, req)
			default:
				return false
			}
			return true
		}
	})
	_, err := c2.List(within(t), c2.On(client))
	wantError(t, err, c2.ErrTooLarge, "together")
	if n := r.count("GET", "/v1/resources/"); n > 100 {
		t.Errorf("%d of 1000 were asked for", n)
	}
}

// TestManyPlaces: not all are tried of the places where a resource is said to be.
func TestManyPlaces(t *testing.T) {
	leaktest.Check(t)
	r, _, client := relayedCounter(t, &counter{})
	r.onPath("/v1/resources/", func(w http.ResponseWriter, _ *http.Request) {
		problem(w, &ipc.Error{Code: ipc.CodeUnavailable, Message: "not there"})
	})
	r.do(func() {
		r.candidates = func([]relayapi.Place) (places []relayapi.Place) {
			for i := range 1000 {
				places = append(places, relayapi.Place{Instance: "00", ID: relayapi.FormatID(uint64(i + 1))})
			}
			return places
		}
	})
	_, err := c2.Connect[Counter](within(t), "counter", c2.On(client))
	wantError(t, err, c2.ErrUnavailable, "not there")
	if n := r.count("GET", "/v1/resources/"); n > 20 {
		t.Errorf("%d places were tried", n)
	}
}
