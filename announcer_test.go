package c2_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
	"github.com/ctwo-go/c2/internal/await"
	"github.com/ctwo-go/c2/internal/leaktest"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// logLines is a log that can be read while it is written.
type logLines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// count tells how many lines have all of the words.
func (l *logLines) count(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		has := true
		for _, w := range words {
			has = has && strings.Contains(line, w)
		}
		if has {
			n++
		}
	}
	return n
}

func (l *logLines) option() c2.NodeOption { return c2.Logger(zerolog.New(l).Level(zerolog.WarnLevel)) }

// told is the last announcement that tells of resources, and does not only ask.
func (r *fakeRelay) told() (last relayapi.Announcement) {
	for _, a := range r.announcements() {
		if a.Resources != nil {
			last = a
		}
	}
	return last
}

// announcements are those that the relay has had so far.
func (r *fakeRelay) announcements() []relayapi.Announcement {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]relayapi.Announcement{}, r.seen...)
}

func TestWhatIsAnnounced(t *testing.T) {
	leaktest.Check(t)
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	r := newFakeRelay(t)
	server := newNode(t, c2.RelayURL(r.url()), c2.Address("ipc://announced"))
	register[Counter](t, server, "a", &counter{})
	register[Counter](t, server, "b", &counter{})
	r.awaitRoute("b")
	path, err := ipc.SocketPath("ipc://announced")
	if err != nil {
		t.Fatal(err)
	}
	last := r.told()
	if last.Address != "ipc://"+path || !strings.HasPrefix(path, "/") || len(last.Instance) != 32 || last.Revision != 2 {
		t.Errorf("got %+v, want the address %s and revision 2", last, path)
	}
	if len(last.Resources) != 2 || last.Resources[0].Name != "a" || len(last.Resources[1].ID) != 16 {
		t.Errorf("got %+v", last.Resources)
	}
	if err := c2.Unregister(within(t), "a", c2.On(server)); err != nil {
		t.Fatal(err)
	}
	await.True(t, "a is withdrawn", func() bool { return !r.has("a") && r.has("b") })
	shutdown(t, server)
	if r.has("b") {
		t.Error("b is there after Shutdown")
	}
	all := r.announcements()
	if last := all[len(all)-1]; last.Resources == nil || len(last.Resources) != 0 || last.Revision != 4 {
		t.Errorf("the last one was %+v, want an empty list of revision 4", last)
	}
}

// TestChangesAreAnnouncedAtOnce, and not only when the relay is asked the next time, which is a second after it was told something.
func TestChangesAreAnnouncedAtOnce(t *testing.T) {
	leaktest.Check(t)
	r, server, _ := relayedCounter(t, &counter{})
	begun := time.Now()
	const changes = 10
	for i := range changes {
		if i%2 == 0 {
			register[Counter](t, server, "comes and goes", &counter{})
		} else if err := c2.Unregister(within(t), "comes and goes", c2.On(server)); err != nil {
			t.Fatal(err)
		}
		await.True(t, "the change is announced", func() bool { return r.has("comes and goes") == (i%2 == 0) })
	}
	if took := time.Since(begun); took > changes*time.Second/2 {
		t.Errorf("%d changes took %v, as if they had waited for questions", changes, took)
	}
}

func TestShutdownWithdrawsBeforeItDrains(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedNodes(t)
	w := newWaiter()
	register[Waiter](t, server, "waiter", w)
	r.awaitRoute("waiter")
	c := connect[Waiter](t, client, "waiter")
	ends := make(chan error, 2)
	go func() { ends <- c.Wait(within(t)) }()
	<-w.entered
	go func() { ends <- server.Shutdown(within(t)) }()
	await.True(t, "the resource is withdrawn", func() bool {
		all := r.announcements()
		last := all[len(all)-1]
		return last.Resources != nil && len(last.Resources) == 0
	})
	select {
	case err := <-ends:
		t.Fatalf("something ended with the call in flight: %v", err)
	default:
	}
	close(w.gate)
	for range 2 {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}

func TestHeartbeats(t *testing.T) {
	leaktest.Check(t)
	r, server, _ := relayedNodes(t)
	register[Counter](t, server, "counter", &counter{})
	await.True(t, "two questions", func() bool {
		all := r.announcements()
		return len(all) >= 3 && all[1].Resources == nil && all[2].Resources == nil
	})
	if all := r.announcements(); all[0].Resources == nil || all[2].Revision != all[0].Revision {
		t.Errorf("got %+v", all)
	}
}

func TestTheRelayComesLater(t *testing.T) {
	leaktest.Check(t)
	r, log := downRelay(t), new(logLines)
	server := newNode(t, c2.RelayURL(r.url()), log.option())
	register[Counter](t, server, "counter", &counter{}) // and is not kept from it
	await.True(t, "it is logged that there is no relay", func() bool { return log.count("can't be reached") == 1 })
	r.start()
	r.awaitRoute("counter")
	await.True(t, "it is logged that there is one", func() bool { return log.count("is back") == 1 })

	r.stop()
	await.True(t, "it is logged that it is gone", func() bool { return log.count("can't be reached") == 2 })
	r.start()
	begun := time.Now()
	r.awaitRoute("counter")
	if took := time.Since(begun); took > 5*time.Second { // it is tried every second
		t.Errorf("it took %v until the resource was announced again", took)
	}
	await.True(t, "it is logged that it is back", func() bool { return log.count("is back") == 2 })
	if n := log.count("can't be reached"); n != 2 {
		t.Errorf("%d lines say that it can't be reached, want one for each time", n)
	}
}

func TestARelayThatRestartsUnnoticed(t *testing.T) {
	leaktest.Check(t)
	r, _, _ := relayedCounter(t, &counter{})
	r.stop()
	r.start()
	r.awaitRoute("counter")
}

func TestRefusals(t *testing.T) {
	leaktest.Check(t)
	r, log := newFakeRelay(t), new(logLines)
	r.refuse = map[string]string{"bad": "mismatch"}
	server := newNode(t, c2.RelayURL(r.url()), log.option())
	register[Counter](t, server, "bad", &counter{})
	register[Counter](t, server, "good", &counter{})
	r.awaitRoute("good")
	register[Counter](t, server, "better", &counter{})
	r.awaitRoute("better")
	if r.has("bad") {
		t.Error("the fake relay takes what it is to refuse")
	}
	if n := log.count("does not take a resource", "bad", "mismatch"); n != 1 {
		t.Errorf("the refusal is logged %d times, want once", n)
	}
	r.do(func() { r.refuse = nil })
	if err := c2.Unregister(within(t), "better", c2.On(server)); err != nil {
		t.Fatal(err)
	}
	r.awaitRoute("bad")
}

// TestRefusalsOfWhatNobodyAnnounced are not logged: a relay could name any number.
func TestRefusalsOfWhatNobodyAnnounced(t *testing.T) {
	leaktest.Check(t)
	r, log := newFakeRelay(t), new(logLines)
	r.do(func() {
		r.lie = func(w http.ResponseWriter, req *http.Request) bool {
			answer(w, relayapi.Acceptance{Refused: []relayapi.Refusal{{Name: "strange", Code: "denied"}, {Name: "own", Code: "denied"}}})
			return true
		}
	})
	server := newNode(t, c2.RelayURL(r.url()), log.option())
	register[Counter](t, server, "own", &counter{})
	await.True(t, "the relay is asked again", func() bool { return r.count("POST", "/v1/routes") > 1 })
	if own, strange := log.count("does not take a resource", "own"), log.count("strange"); own != 1 || strange != 0 {
		t.Errorf("%d refusals of its own are logged and %d of others', want 1 and none", own, strange)
	}
}

func TestARelayThatWantsAToken(t *testing.T) {
	leaktest.Check(t)
	r, log := newFakeRelay(t), new(logLines)
	r.token, r.noHint = "s3cret", true
	stranger := newNode(t, c2.RelayURL(r.url()), log.option())
	register[Counter](t, stranger, "counter", &counter{})
	await.True(t, "that is logged", func() bool { return log.count("does not take the resources", "token") == 1 })
	await.True(t, "it is tried again", func() bool { return r.count("POST", "/v1/routes") > 2 })
	if n := log.count("does not take"); n != 1 {
		t.Errorf("that is logged %d times, want once", n)
	}
	_, err := c2.Connect[Counter](within(t), "counter", c2.On(stranger), c2.Relay(r.url()))
	wantError(t, err, c2.ErrDenied, "token is needed")

	friend := newNode(t, c2.RelayURL(r.url()), c2.Token("s3cret"))
	register[Counter](t, friend, "counter", &counter{n: 5})
	r.awaitRoute("counter")
	cnt := connect[Counter](t, friend, "counter", c2.Relay(r.url()))
	if n, err := cnt.Value(within(t)); err != nil || n != 5 {
		t.Errorf("got %d, %v", n, err)
	}
}

func TestACallerAnnouncesNothing(t *testing.T) {
	leaktest.Check(t)
	r, server, client := relayedCounter(t, &counter{})
	if _, err := connect[Counter](t, client, "counter").Value(within(t)); err != nil {
		t.Fatal(err)
	}
	shutdown(t, server)
	n := len(r.announcements())
	shutdown(t, client)
	if got := len(r.announcements()); got != n {
		t.Errorf("the client's node has announced something: %+v", r.announcements()[n:])
	}
}

// TestShutdownWithoutTheRelay: a relay that does not answer keeps nobody from ending.
func TestShutdownWithoutTheRelay(t *testing.T) {
	leaktest.Check(t)
	r := newFakeRelay(t)
	hung := make(chan struct{})
	server := newNode(t, c2.RelayURL(r.url()))
	register[Counter](t, server, "counter", &counter{})
	r.awaitRoute("counter")
	r.do(func() {
		r.lie = func(_ http.ResponseWriter, req *http.Request) bool {
			select {
			case <-hung:
			case <-req.Context().Done():
			}
			return true
		}
	})
	defer close(hung)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		t.Errorf("Shutdown waits for the relay: %v", err)
	}
}
