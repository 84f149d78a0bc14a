package c2

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/ctwo-go/c2/internal/certfile"
	"github.com/ctwo-go/c2/internal/relayapi"
	"github.com/ctwo-go/c2/ipc"
)

// call implements [endpoint]: it calls by HTTP.
func (r relay) call(ctx context.Context, b *binding, req ipc.Request) (*ipc.Payload, error) {
	args, err := ipc.Encode(req.Args)
	if err != nil {
		return nil, err
	}
	defer args.Release()
	post, err := r.post(ctx, b, req.Method, args)
	if err != nil {
		return nil, err
	}
	p, again, err := r.send(post, args)
	if again {
		// There may be more such connections, which the relay closed all together.
		r.node.http.transport.CloseIdleConnections()
		p, _, err = r.send(post, args)
	}
	return p, err
}

// post makes a call's request, but for its body.
func (r relay) post(ctx context.Context, b *binding, method uint32, args *ipc.Payload) (*http.Request, error) {
	url := r.url + relayapi.PathResources + "/" + pathSegment(b.desc.Name) + "/" + pathSegment(b.desc.Methods[method].Name)
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, r.fault(ipc.CodeInvalid, "%v", err)
	}
	post.ContentLength = int64(len(args.Bytes()))
	post.Header.Set("Content-Type", relayapi.TypeCBOR)
	post.Header.Set("Accept", relayapi.TypeCBOR)
	post.Header.Set(relayapi.HeaderResource, relayapi.FormatID(b.id))
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		if left <= 0 {
			return nil, &ipc.Error{Code: ipc.CodeDeadline, Message: context.DeadlineExceeded.Error()}
		}
		post.Header.Set(relayapi.HeaderTimeout, left.String())
	}
	if post.ContentLength >= expectFrom {
		post.Header.Set("Expect", "100-continue")
	}
	return post, nil
}

// send sends a call once. again tells that nobody has heard of it, because the connection had been closed while nothing
// went over it: it is to be sent again.
func (r relay) send(post *http.Request, args *ipc.Payload) (p *ipc.Payload, again bool, err error) {
	ctx := post.Context()
	if ctx.Err() != nil {
		return nil, false, endedError(ctx, false)
	}
	s := &sending{}
	post = post.WithContext(s.traced(ctx))
	body := newOutgoing(args)
	post.Body = body
	resp, stop, err := r.node.http.do(post)
	if err != nil {
		ran := s.begun() && body.taken()
		again = !ran && s.wasIdle() && ctx.Err() == nil && r.node.http.closing.Err() == nil
		return nil, again, r.broken(ctx, err, ran)
	}
	defer stop()
	defer resp.Body.Close()
	p, err = r.result(ctx, resp)
	return p, false, err
}

// result reads the answer to a call.
func (r relay) result(ctx context.Context, resp *http.Response) (*ipc.Payload, error) {
	if e := r.refusal(resp); e != nil {
		return nil, e
	}
	if e := r.checkType(resp, relayapi.TypeCBOR); e != nil {
		e.MayHaveRun = true
		return nil, e
	}
	p, err := ipc.Encode(&answerBody{from: resp.Body, length: resp.ContentLength, limit: r.node.settings.maxPayload})
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, errAnswerSize):
		return nil, &ipc.Error{Code: ipc.CodeTooLarge, Message: "the result is " + err.Error() + " (MaxPayload)", MayHaveRun: true}
	}
	return nil, r.broken(ctx, err, true)
}

// broken is how a call ends that came to no answer.
func (r relay) broken(ctx context.Context, err error, ran bool) *ipc.Error {
	switch {
	case ctx.Err() != nil:
		return endedError(ctx, ran)
	case r.node.http.closing.Err() != nil:
		e := nodeClosed().wireError()
		e.MayHaveRun = ran
		return e
	}
	e := r.fault(ipc.CodeUnavailable, "%v", certfile.Advise(err, "C2_TLS_CA"))
	e.MayHaveRun = ran
	return e
}

// endedError is how a call ends whose context has.
func endedError(ctx context.Context, ran bool) *ipc.Error {
	e := callError(ctx.Err()).wireError()
	e.MayHaveRun = ran
	return e
}
