// Package handover owns the Unix socket by which one process hands its sockets
// and its state to the next: who may connect, messages, and descriptors.
//
// It does not know what is handed over, or in which order. The entry points
// are [Listen] and [Dial].
package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Protocol is the version of the messages. Whoever meets another one says so
// and changes nothing: then a restart is due.
const Protocol = 1

const (
	// maxMessage bounds a message, in octets.
	maxMessage = 256 << 20
	// filesAtOnce is how many descriptors go with one octet; the kernel takes
	// 253.
	filesAtOnce = 200
)

// Message is what one side tells the other.
type Message struct {
	Protocol int    `json:"protocol"`
	Kind     string `json:"kind"`
	PID      int    `json:"pid,omitempty"`
	Version  string `json:"version,omitempty"` // of the program
	// Refused says why the other side does not go on.
	Refused string          `json:"refused,omitempty"`
	State   json.RawMessage `json:"state,omitempty"`
	// Files has a word on each of the descriptors that come with the message.
	Files []File `json:"files,omitempty"`
}

// File describes a descriptor.
type File struct {
	Role     string `json:"role"`
	Received []byte `json:"received,omitempty"` // of a connection: what was read and not answered
}

// Conn is a connection between the two processes. It is for one goroutine.
type Conn struct {
	unix *net.UnixConn
	// PID is the process that connected, as the kernel says. On its own side it
	// is the one that made the socket, which may have been handed on since.
	PID int
}

// Dial connects to the process that listens at path. An error wraps
// [ErrNobody] if none does.
func Dial(path string) (*Conn, error) {
	c, err := net.Dial("unix", path)
	switch {
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("%w: %w", ErrNobody, err)
	case err != nil:
		return nil, err
	}
	return newConn(c.(*net.UnixConn))
}

// ErrNobody says that no process listens.
var ErrNobody = errors.New("nobody hands over")

func newConn(c *net.UnixConn) (*Conn, error) {
	cred, err := credentials(c)
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Conn{unix: c, PID: int(cred.Pid)}, nil
}

// credentials returns who is at the other end.
func credentials(c *net.UnixConn) (cred *unix.Ucred, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	ctlErr := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	return cred, errors.Join(ctlErr, err)
}

// Close ends the connection.
func (c *Conn) Close() error { return c.unix.Close() }

// Send sends a message and duplicates of the descriptors that its Files are
// about, within a time. The descriptors stay the caller's.
func (c *Conn) Send(m Message, fds []int, within time.Duration) error {
	if len(fds) != len(m.Files) {
		panic("handover: descriptors without a word on them")
	}
	m.Protocol = Protocol
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(within)
	if err := c.unix.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := c.unix.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)); err != nil {
		return err
	}
	for len(fds) > 0 {
		n := min(len(fds), filesAtOnce)
		_, _, err := c.unix.WriteMsgUnix([]byte{0}, unix.UnixRights(fds[:n]...), nil)
		if errors.Is(err, unix.ETOOMANYREFS) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond) // until the other side has taken some
			continue
		}
		if err != nil {
			return err
		}
		fds = fds[n:]
	}
	return nil
}

// Receive waits for a message of one of some kinds. The descriptors are the
// caller's. Any other message, or a refusal, is an error, which says what the
// other side said.
func (c *Conn) Receive(within time.Duration, kinds ...string) (m Message, fds []int, err error) {
	if err := c.unix.SetReadDeadline(time.Now().Add(within)); err != nil {
		return m, nil, err
	}
	if err := c.read(&m); err != nil {
		return m, nil, err
	}
	if fds, err = c.descriptors(len(m.Files)); err != nil {
		return m, nil, err
	}
	if err := m.check(kinds); err != nil {
		CloseAll(fds)
		return m, nil, err
	}
	return m, fds, nil
}

// check returns why the message is none of the kinds.
func (m *Message) check(kinds []string) error {
	if m.Refused != "" {
		return errors.New(m.Refused)
	}
	if m.Protocol != Protocol {
		return fmt.Errorf("the other process (version %s) speaks version %d of the hand-over, this one version %d: restart instead", m.Version, m.Protocol, Protocol)
	}
	for _, k := range kinds {
		if m.Kind == k {
			return nil
		}
	}
	return fmt.Errorf("message %q where one of %q is due", m.Kind, kinds)
}

// read reads the text of a message.
func (c *Conn) read(m *Message) error {
	var head [4]byte
	if _, err := io.ReadFull(c.unix, head[:]); err != nil {
		return plain(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return fmt.Errorf("message of %d octets", n)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(c.unix, text); err != nil {
		return plain(err)
	}
	return json.Unmarshal(text, m)
}

// plain says in words what the end of a connection means here.
func plain(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return errors.New("the other process has ended")
	}
	return err
}

// descriptors takes n descriptors. Each of the octets that they came with is
// read by itself: a longer read could run past it and lose them.
func (c *Conn) descriptors(n int) (fds []int, err error) {
	oob := make([]byte, unix.CmsgSpace(4*filesAtOnce))
	for len(fds) < n {
		var octet [1]byte
		got, oobn, flags, _, err := c.unix.ReadMsgUnix(octet[:], oob)
		if err == nil && got == 0 {
			err = io.EOF
		}
		if err != nil {
			CloseAll(fds)
			return nil, plain(err)
		}
		more, err := rights(oob[:oobn])
		fds = append(fds, more...)
		if err == nil && (flags&unix.MSG_CTRUNC != 0 || len(more) == 0) {
			err = errors.New("descriptors were lost on the way: the limit of open files may be too low")
		}
		if err != nil {
			CloseAll(fds)
			return nil, err
		}
	}
	return fds, nil
}

// rights returns the descriptors of control messages.
func rights(oob []byte) (fds []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for i := range messages {
		more, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return fds, err
		}
		fds = append(fds, more...)
	}
	return fds, nil
}

// CloseAll closes descriptors.
func CloseAll(fds []int) {
	for _, fd := range fds {
		unix.Close(fd)
	}
}
