// Command grpc calls every kind of method of test.Svc with grpc-go, the client library that etcd's clients are made of,
// and prints one line per check: "ok NAME" or "FAILED NAME: what was seen".
//
//	grpc ADDRESS
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// A codec that leaves messages as they are.
type rawCodec struct{}

func (rawCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = bytes.Clone(data)
	return nil
}
func (rawCodec) Name() string { return "proto" }

const service = "/test.Svc/"

type checks struct {
	connection *grpc.ClientConn
	failed     bool
}

func (c *checks) run(name string, check func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := check(ctx); err != nil {
		c.failed = true
		fmt.Printf("FAILED %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

func (c *checks) unary(ctx context.Context, method string, body []byte, options ...grpc.CallOption) ([]byte, error) {
	var answer []byte
	err := c.connection.Invoke(ctx, service+method, &body, &answer, options...)
	return answer, err
}

func (c *checks) stream(ctx context.Context, method string, options ...grpc.CallOption) (grpc.ClientStream, error) {
	description := grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	return c.connection.NewStream(ctx, &description, service+method, options...)
}

func (c *checks) echo(ctx context.Context, size int, options ...grpc.CallOption) error {
	body := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
	answer, err := c.unary(ctx, "Echo", body, options...)
	if err != nil {
		return err
	}
	if !bytes.Equal(answer, body) {
		return fmt.Errorf("%d bytes came back of %d", len(answer), size)
	}
	return nil
}

func expectStatus(err error, code codes.Code, text string) error {
	if status.Code(err) != code || text != "" && status.Convert(err).Message() != text {
		return fmt.Errorf("%v, not %v %q", err, code, text)
	}
	return nil
}

func send(stream grpc.ClientStream, body []byte) error { return stream.SendMsg(&body) }

func receive(stream grpc.ClientStream) ([]byte, error) {
	var body []byte
	err := stream.RecvMsg(&body)
	return body, err
}

// drain counts messages and bytes until the stream ends; io.EOF is nil.
func drain(stream grpc.ClientStream) (messages, total int, err error) {
	for {
		body, err := receive(stream)
		if errors.Is(err, io.EOF) {
			return messages, total, nil
		}
		if err != nil {
			return messages, total, err
		}
		messages++
		total += len(body)
	}
}

func (c *checks) unaryCalls() {
	for _, size := range []int{0, 1, 1_000, 70_000, 3_900_000} {
		c.run(fmt.Sprintf("echo of %d bytes", size), func(ctx context.Context) error { return c.echo(ctx, size) })
	}
	c.run("2,000 echoes at once", func(ctx context.Context) error {
		var group sync.WaitGroup
		failures := make(chan error, 2_000)
		for at := range 2_000 {
			group.Go(func() { failures <- c.echo(ctx, at) })
		}
		group.Wait()
		close(failures)
		for err := range failures {
			if err != nil {
				return err
			}
		}
		return nil
	})
	c.run("gzip", func(ctx context.Context) error { return c.echo(ctx, 50_000, grpc.UseCompressor(gzip.Name)) })
	c.run("metadata", func(ctx context.Context) error {
		ctx = metadata.AppendToOutgoingContext(ctx, "token", "abc.1")
		answer, err := c.unary(ctx, "Metadata", []byte("token"))
		if err == nil && string(answer) != "abc.1" {
			err = fmt.Errorf("%q", answer)
		}
		return err
	})
	c.run("an error", func(ctx context.Context) error {
		_, err := c.unary(ctx, "Fail", nil)
		return expectStatus(err, codes.NotFound, "löse not found 100%")
	})
	c.run("an unknown method", func(ctx context.Context) error {
		_, err := c.unary(ctx, "None", nil)
		return expectStatus(err, codes.Unimplemented, "unknown method None for service test.Svc")
	})
	c.run("a message too large", func(ctx context.Context) error {
		_, err := c.unary(ctx, "Echo", make([]byte, 4_000_001))
		return expectStatus(err, codes.ResourceExhausted, "grpc: received message larger than max (4000001 vs. 4000000)")
	})
	c.run("a deadline", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		_, err := c.unary(ctx, "Hold", nil)
		return expectStatus(err, codes.DeadlineExceeded, "")
	})
	c.run("a cancelled call", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(50*time.Millisecond, cancel)
		_, err := c.unary(ctx, "Hold", nil)
		return expectStatus(err, codes.Canceled, "")
	})
}

func (c *checks) count(ctx context.Context, text string) (int, int, error) {
	stream, err := c.stream(ctx, "Count")
	if err != nil {
		return 0, 0, err
	}
	if err := errors.Join(send(stream, []byte(text)), stream.CloseSend()); err != nil {
		return 0, 0, err
	}
	return drain(stream)
}

func (c *checks) streams() {
	for _, one := range []struct {
		text            string
		messages, total int
	}{{"0", 0, 0}, {"5000 20", 5_000, 100_000}, {"20 1000000", 20, 20_000_000}} {
		c.run("server streams "+one.text, func(ctx context.Context) error {
			messages, total, err := c.count(ctx, one.text)
			if err == nil && (messages != one.messages || total != one.total) {
				err = fmt.Errorf("%d messages, %d bytes", messages, total)
			}
			return err
		})
	}
	c.run("server streams, then fails", func(ctx context.Context) error {
		messages, _, err := c.count(ctx, "10 5 3")
		if messages != 3 {
			return fmt.Errorf("%d messages", messages)
		}
		return expectStatus(err, codes.Aborted, "enough")
	})
	for _, one := range []struct{ count, size int }{{0, 0}, {3_000, 50}, {10, 2_000_000}} {
		c.run(fmt.Sprintf("client streams %d of %d bytes", one.count, one.size), func(ctx context.Context) error {
			return c.measure(ctx, one.count, one.size)
		})
	}
	c.run("both stream in turns", func(ctx context.Context) error { return c.chat(ctx, 100) })
	c.run("both stream at once", func(ctx context.Context) error { return c.flood(ctx, 3_000, 3_000) })
	c.run("a stream that is cancelled", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.stream(ctx, "Idle")
		if err != nil {
			return err
		}
		cancel()
		_, err = receive(stream)
		return expectStatus(err, codes.Canceled, "")
	})
	c.run("100 idle streams do not hold a call back", func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for range 100 {
			stream, err := c.stream(ctx, "Idle")
			if err != nil {
				return err
			}
			if err := send(stream, make([]byte, 10_000)); err != nil {
				return err
			}
		}
		return c.echo(ctx, 100_000)
	})
}

func (c *checks) measure(ctx context.Context, count, size int) error {
	stream, err := c.stream(ctx, "Measure")
	if err != nil {
		return err
	}
	for range count {
		if err := send(stream, make([]byte, size)); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	answer, err := receive(stream)
	if want := fmt.Sprintf("%d %d", count, count*size); err == nil && string(answer) != want {
		err = fmt.Errorf("%q", answer)
	}
	return err
}

func (c *checks) chat(ctx context.Context, turns int) error {
	stream, err := c.stream(ctx, "Chat")
	if err != nil {
		return err
	}
	for turn := range turns {
		text := strings.Repeat("x", turn*100)
		if err := send(stream, []byte(text)); err != nil {
			return err
		}
		answer, err := receive(stream)
		if err != nil {
			return err
		}
		if string(answer) != text {
			return fmt.Errorf("turn %d: %d bytes", turn, len(answer))
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if _, err := receive(stream); !errors.Is(err, io.EOF) {
		return fmt.Errorf("at the end: %v", err)
	}
	return nil
}

func (c *checks) flood(ctx context.Context, count, size int) error {
	stream, err := c.stream(ctx, "Chat")
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		for range count {
			if err := send(stream, make([]byte, size)); err != nil {
				sent <- err
				return
			}
		}
		sent <- stream.CloseSend()
	}()
	messages, total, err := drain(stream)
	if err == nil && (messages != count || total != count*size) {
		err = fmt.Errorf("%d messages, %d bytes", messages, total)
	}
	return errors.Join(err, <-sent)
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: grpc ADDRESS")
		os.Exit(2)
	}
	connection, err := grpc.NewClient("passthrough:///"+os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodec(rawCodec{}), grpc.MaxCallRecvMsgSize(1<<30)),
		// As Kubernetes' API server asks etcd's client to.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	defer connection.Close()
	all := checks{connection: connection}
	all.unaryCalls()
	all.streams()
	if all.failed {
		os.Exit(1)
	}
}
