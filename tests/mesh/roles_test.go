package mesh

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/ctwo-go/c2"
)

// The programs that run on the hosts of a mesh, beside relays.

// Tally is what servers of a mesh have.
type Tally interface {
	// Where is the name of the server.
	Where(ctx context.Context) (string, error)
	// Post writes under a key, and returns how often that was done.
	Post(ctx context.Context, key string) (int, error)
	GetAll(ctx context.Context) (map[string]int, error)
	// ReadOn lasts until ctx ends, and posts under the keys "reads" and "read" then.
	ReadOn(ctx context.Context) error
}

// tally implements Tally. What is posted is kept in all resources of a process, so that it outlasts each.
type tally struct {
	_      c2.Policy `read:"Where"`
	server string
	posts  *posts
}

type posts struct {
	mu    sync.Mutex
	times map[string]int
}

func (t *tally) Where(context.Context) (string, error) { return t.server, nil }

func (t *tally) Post(_ context.Context, key string) (int, error) {
	t.posts.mu.Lock()
	defer t.posts.mu.Unlock()
	t.posts.times[key]++
	return t.posts.times[key], nil
}

func (t *tally) ReadOn(ctx context.Context) error {
	t.Post(ctx, "reads")
	<-ctx.Done()
	t.Post(ctx, "read")
	return ctx.Err()
}

func (t *tally) GetAll(context.Context) (map[string]int, error) {
	t.posts.mu.Lock()
	defer t.posts.mu.Unlock()
	all := make(map[string]int, len(t.posts.times))
	for k, n := range t.posts.times {
		all[k] = n
	}
	return all, nil
}

// order is what a child is asked, as a line of JSON, and what it says to that, likewise.
type order struct {
	Do   string `json:"do"`
	Name string `json:"name,omitempty"`
	Key  string `json:"key,omitempty"`

	Timeout time.Duration `json:"timeout,omitempty"` // of a call; zero is some seconds

	Result string         `json:"result,omitempty"`
	Count  int            `json:"count,omitempty"`
	All    map[string]int `json:"all,omitempty"`
	Code   string         `json:"code,omitempty"` // of an error
	Ran    bool           `json:"ran,omitempty"`  // it may have
	Text   string         `json:"text,omitempty"` // of an error
	Failed []string       `json:"failed,omitempty"`
}

func (o *order) fail(err error) {
	if err == nil {
		return
	}
	o.Text, o.Code = err.Error(), "other"
	var e *c2.Error
	if errors.As(err, &e) {
		o.Code, o.Ran = e.Code.String(), e.MayHaveRun
	}
	if errors.Is(err, context.DeadlineExceeded) {
		o.Code = "deadline"
	}
}

// obey does what the lines of standard input say, until it ends.
func obey(do func(*order)) error {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		o := new(order)
		if err := json.Unmarshal(lines.Bytes(), o); err != nil {
			return err
		}
		do(o)
		answer, err := json.Marshal(o)
		if err != nil {
			return err
		}
		fmt.Println(string(answer))
	}
	return lines.Err()
}

func roleNode(opts ...c2.NodeOption) (*c2.Node, error) {
	level := zerolog.Disabled
	if os.Getenv("C2_TESTS_LOG") != "" {
		level = zerolog.DebugLevel
	}
	log := zerolog.New(os.Stderr).Level(level).With().Timestamp().Str("child", strings.Join(os.Args[1:], " ")).Logger()
	return c2.NewNode(append(opts, c2.Logger(log))...)
}

// meshServer is a child that has a tally under each of some names, at the relay of its environment. It registers and
// unregisters others.
func meshServer(args []string) error {
	node, err := roleNode()
	if err != nil {
		return err
	}
	all := &posts{times: make(map[string]int)}
	register := func(name string) error {
		return c2.Register[Tally](name, &tally{server: args[0], posts: all}, c2.On(node))
	}
	for _, name := range args[1:] {
		if err := register(name); err != nil {
			return err
		}
	}
	err = obey(func(o *order) {
		switch o.Do {
		case "register":
			o.fail(register(o.Name))
		case "unregister":
			o.fail(c2.Unregister(context.Background(), o.Name, c2.On(node)))
		case "posts":
			o.All, _ = (&tally{posts: all}).GetAll(context.Background())
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, node.Shutdown(ctx))
}

// meshCaller is what a mesh-client has.
type meshCaller struct {
	node    *c2.Node
	proxies map[string]Tally
	stop    context.CancelFunc
	ended   chan struct{}

	// These belong to who calls again and again, and then to who stopped him.
	count  int
	failed []string
	wrote  map[string]int // 1 for a key that was posted, 0 for one that may have been
}

// meshClient is a child that calls what the relay of its environment knows.
func meshClient([]string) error {
	node, err := roleNode(c2.CallTimeout(15 * time.Second))
	if err != nil {
		return err
	}
	c := &meshCaller{node: node, proxies: make(map[string]Tally)}
	err = obey(c.do)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, node.Shutdown(ctx))
}

func (c *meshCaller) do(o *order) {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(o.Timeout, 15*time.Second))
	defer cancel()
	if o.Do == "stop" {
		c.stop()
		<-c.ended
		o.Count, o.Failed, o.All = c.count, c.failed, c.wrote
		return
	}
	t, err := c.proxy(ctx, o.Name)
	if err != nil {
		o.fail(err)
		return
	}
	switch o.Do {
	case "where":
		o.Result, err = t.Where(ctx)
	case "post":
		o.Count, err = t.Post(ctx, o.Key)
	case "read-on":
		err = t.ReadOn(ctx)
	case "read":
		c.again(func(int) error {
			_, err := t.Where(context.Background())
			return err
		})
	case "write":
		c.wrote = make(map[string]int)
		c.again(func(i int) error { return c.write(t, fmt.Sprintf("again-%d", i)) })
	case "forget":
		err = c2.Close(t)
		delete(c.proxies, o.Name)
	}
	o.fail(err)
}

func (c *meshCaller) proxy(ctx context.Context, name string) (Tally, error) {
	if t := c.proxies[name]; t != nil {
		return t, nil
	}
	t, err := c2.Connect[Tally](ctx, name, c2.On(c.node))
	if err == nil {
		c.proxies[name] = t
	}
	return t, err
}

// again does something again and again until it is told to stop.
func (c *meshCaller) again(do func(i int) error) {
	ctx, stop := context.WithCancel(context.Background())
	c.stop, c.ended, c.failed, c.count = stop, make(chan struct{}), nil, 0
	go func() {
		defer close(c.ended)
		for ; ctx.Err() == nil; c.count++ {
			if err := do(c.count); err != nil && len(c.failed) < 20 {
				o := new(order)
				o.fail(err)
				c.failed = append(c.failed, fmt.Sprintf("call %d: %s, may have run: %t: %s", c.count, o.Code, o.Ran, o.Text))
			}
			time.Sleep(time.Millisecond) // so that it is a caller, and not a load
		}
	}()
}

// write posts a key, and tries again for as long as the error says that nothing ran.
func (c *meshCaller) write(t Tally, key string) error {
	for begun := time.Now(); ; {
		_, err := t.Post(context.Background(), key)
		o := new(order)
		o.fail(err)
		switch {
		case err == nil:
			c.wrote[key] = 1
			return nil
		case o.Ran:
			c.wrote[key] = 0
			return err
		case time.Since(begun) > 20*time.Second:
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
}
