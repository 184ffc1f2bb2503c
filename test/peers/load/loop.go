package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"
)

// loop waits for sockets with epoll on one thread: no goroutine is woken and no lock taken for an answer, which is what
// keeps the generator small beside a server it shares two cores with.
type loop struct {
	epoll       int
	connections map[int32]*connection
	events      [64]syscall.EpollEvent
}

// SYS_EPOLL_PWAIT2, the same number on every architecture; Linux 5.11. It takes nanoseconds where epoll_wait takes
// milliseconds.
const sysEpollPwait2 = 441

func newLoop() (*loop, error) {
	runtime.LockOSThread()
	const noSlack = 1 // nanoseconds that the kernel may add to a timeout, instead of 50,000
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_TIMERSLACK, noSlack, 0); errno != 0 {
		return nil, fmt.Errorf("timer slack: %w", errno)
	}
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &loop{epoll: epoll, connections: map[int32]*connection{}}, err
}

func (l *loop) add(c *connection) error {
	l.connections[int32(c.fd)] = c
	return syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)})
}

// awaitRoom says whether the loop should look for room in the connection's socket.
func (l *loop) awaitRoom(c *connection, wanted bool) {
	if c.blocked == wanted || c.closed != nil {
		return
	}
	c.blocked = wanted
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.fd)}
	if wanted {
		event.Events |= syscall.EPOLLOUT
	}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, c.fd, &event); err != nil {
		c.fail(err)
	}
}

// poll handles what the sockets have, after waiting for it at most `limit`.
func (l *loop) poll(limit time.Duration) error {
	timeout := syscall.NsecToTimespec(max(0, int64(limit)))
	// Raw: there is no other goroutine that the scheduler could run meanwhile.
	n, _, errno := syscall.RawSyscall6(sysEpollPwait2, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events[0])),
		uintptr(len(l.events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	if errno == syscall.EINTR {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("epoll_pwait2: %w", errno)
	}
	for _, event := range l.events[:n] {
		c := l.connections[event.Fd]
		if event.Events&syscall.EPOLLOUT != 0 && c.closed == nil {
			c.flush()
		}
		if event.Events&^syscall.EPOLLOUT != 0 && c.closed == nil {
			c.readable()
		}
	}
	return nil
}

func (l *loop) close() {
	_ = syscall.Close(l.epoll) // it holds nothing
	runtime.UnlockOSThread()
}
