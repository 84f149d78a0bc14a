package turn

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// run makes the calls of a turn.
func run(ctx context.Context, req Request, call Call) Answer {
	if err := warm(ctx, req, call); err != nil {
		return Answer{Error: err.Error()}
	}
	if req.Callers > 1 {
		return many(ctx, req, call)
	}
	return one(ctx, req, call)
}

func warm(ctx context.Context, req Request, call Call) error {
	for begin, i := time.Now(), 0; i < req.Warm && (i == 0 || time.Since(begin) < req.Span); i++ {
		if _, err := call(ctx); err != nil {
			return err
		}
	}
	return nil
}

// one is a turn of one caller.
func one(ctx context.Context, req Request, call Call) Answer {
	a := Answer{Took: make([]time.Duration, 0, req.Calls)}
	begin := time.Now()
	for len(a.Took) < req.Calls && (len(a.Took) == 0 || time.Since(begin) < req.Span) {
		if req.Pause > 0 {
			time.Sleep(req.Pause)
		}
		called := time.Now()
		sum, err := call(ctx)
		if err != nil {
			a.Error = err.Error()
			return a
		}
		a.Took = append(a.Took, time.Since(called))
		if len(a.Took) > 1 && sum != a.Sum {
			a.Error = fmt.Sprintf("one call gave the sum %v, the next %v", a.Sum, sum)
			return a
		}
		a.Sum = sum
	}
	a.Calls, a.Elapsed = len(a.Took), time.Since(begin)
	return a
}

// many is a turn of several callers.
func many(ctx context.Context, req Request, call Call) Answer {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	begin := time.Now()
	var (
		wg    sync.WaitGroup
		calls atomic.Int64
		errs  = make([]error, req.Callers)
	)
	for i := range req.Callers {
		wg.Go(func() {
			for ctx.Err() == nil && time.Since(begin) < req.Span {
				if _, errs[i] = call(ctx); errs[i] != nil {
					stop()
					return
				}
				calls.Add(1)
			}
		})
	}
	wg.Wait()
	a := Answer{Calls: int(calls.Load()), Elapsed: time.Since(begin)}
	if err := first(errs); err != nil {
		a.Error = err.Error()
	}
	return a
}

// first returns the error that is not the consequence of another.
func first(errs []error) error {
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}
