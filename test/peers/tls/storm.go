package main

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

// wave tells of all connections that were opened at once.
type wave struct {
	Connected int `json:"connected"`
	// Failed attempts; each was repeated until it succeeded, or the time of the connection was over.
	Failed int    `json:"failed"`
	Error  string `json:"error,omitempty"` // of the last failed one
	// From the moment when all began until the last one, and one in a hundred, had the server's SETTINGS.
	MillisAll float64 `json:"millisAll"`
	MillisP99 float64 `json:"millisP99"`
	MillisP50 float64 `json:"millisP50"`
	// Connections of the wave before that had ended by themselves.
	Lost int `json:"lost"`
}

// storm opens all connections at once and tells when they stand. For each line that comes it closes them all and opens them again, as clients do
// after a network has failed: with whole handshakes, for etcd's clients keep no sessions.
func storm(o options, lines io.Reader, out *json.Encoder) error {
	connections, w := openAll(o)
	if err := out.Encode(w); err != nil {
		return err
	}
	for more := bufio.NewScanner(lines); more.Scan(); {
		lost := 0
		for _, c := range connections {
			if c.isLost() {
				lost++
			}
			_ = c.conn.NetConn().Close() // they go without a word
		}
		connections, w = openAll(o)
		w.Lost = lost
		if err := out.Encode(w); err != nil {
			return err
		}
	}
	return nil
}

// client is one connection that stands, and is read so that its end is seen.
type client struct {
	conn  *tls.Conn
	ended chan struct{}
}

func (c *client) isLost() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

func openAll(o options) (connections []*client, w wave) {
	var mutex sync.Mutex
	var group sync.WaitGroup
	var times []float64
	began := time.Now()
	for range o.connections {
		group.Go(func() {
			for time.Since(began) < o.timeout {
				c, err := open(o, began.Add(o.timeout))
				mutex.Lock()
				if err == nil {
					connections = append(connections, c)
					times = append(times, float64(time.Since(began))/1e6)
				} else {
					w.Failed++
					w.Error = err.Error()
				}
				mutex.Unlock()
				if err == nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
	}
	group.Wait()
	w.Connected = len(connections)
	if n := len(times); n > 0 {
		slices.Sort(times)
		w.MillisAll, w.MillisP99, w.MillisP50 = times[n-1], times[(n-1)*99/100], times[n/2]
	}
	return connections, w
}

func open(o options, deadline time.Time) (*client, error) {
	raw, err := net.DialTimeout("tcp", o.address, time.Until(deadline))
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, o.config)
	err = raw.SetDeadline(deadline)
	if err == nil {
		err = conn.Handshake()
	}
	if err == nil {
		err = greet(conn)
	}
	if err == nil {
		err = raw.SetDeadline(time.Time{})
	}
	if err != nil {
		_ = raw.Close() // the first error says it all
		return nil, err
	}
	c := &client{conn, make(chan struct{})}
	go func() {
		defer close(c.ended)
		_, _ = io.Copy(io.Discard, conn) // its end is all that matters
	}()
	return c, nil
}
