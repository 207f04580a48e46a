package querylog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/geodns-vipd/geodns/pkg/querylog"
)

const unixPrefix = "unix:"

// maxControl bounds a control frame that a reader sends, in octets.
const maxControl = 512

// output is an open file or socket.
type output struct {
	file   *os.File // nil for a socket
	conn   net.Conn // nil for a file
	dnstap bool
}

// openOutput opens a target and, for dnstap, begins the stream of frames.
func openOutput(target string, dnstap bool, now time.Time) (*output, error) {
	o := &output{dnstap: dnstap}
	var err error
	if path, ok := strings.CutPrefix(target, unixPrefix); ok {
		o.conn, err = net.DialTimeout("unix", path, patience)
	} else {
		o.file, err = openFile(target, dnstap, now)
	}
	if err != nil {
		return nil, err
	}
	if err := o.begin(); err != nil {
		o.closeIt()
		return nil, err
	}
	return o, nil
}

// openFile opens a file for appending. A stream of frames cannot be continued: a
// file that holds one is renamed.
func openFile(path string, dnstap bool, now time.Time) (*os.File, error) {
	if info, err := os.Stat(path); dnstap && err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		if err := os.Rename(path, path+"."+now.UTC().Format("20060102T150405.000")); err != nil {
			return nil, err
		}
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
}

// begin sends what comes before the first data frame: to a file START; to a socket
// READY, and START once the reader accepts.
func (o *output) begin() error {
	if !o.dnstap {
		return nil
	}
	if o.conn != nil {
		if err := o.write(querylog.AppendControl(nil, querylog.FrameReady)); err != nil {
			return err
		}
		if err := o.accepted(); err != nil {
			return err
		}
	}
	return o.write(querylog.AppendControl(nil, querylog.FrameStart))
}

// accepted waits for the reader of a socket to accept what it is offered.
func (o *output) accepted() error {
	_ = o.conn.SetReadDeadline(time.Now().Add(patience))
	var head [12]byte // escape, length, type
	if _, err := io.ReadFull(o.conn, head[:]); err != nil {
		return fmt.Errorf("no answer from the reader of dnstap: %w", err)
	}
	size := binary.BigEndian.Uint32(head[4:])
	if binary.BigEndian.Uint32(head[:]) != 0 || size < 4 || size > maxControl || binary.BigEndian.Uint32(head[8:]) != querylog.FrameAccept {
		return errors.New("the reader of dnstap does not accept the stream")
	}
	fields := make([]byte, size-4)
	if _, err := io.ReadFull(o.conn, fields); err != nil {
		return err
	}
	if len(fields) > 0 && !bytes.Contains(fields, []byte(querylog.ContentType)) {
		return errors.New("the reader does not take dnstap")
	}
	return nil
}

func (o *output) write(b []byte) error {
	if o.file != nil {
		_, err := o.file.Write(b)
		return err
	}
	_ = o.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := o.conn.Write(b)
	return err
}

// close ends the stream.
func (o *output) close() {
	if o.dnstap {
		_ = o.write(querylog.AppendControl(nil, querylog.FrameStop))
	}
	o.closeIt()
}

func (o *output) closeIt() {
	if o.file != nil {
		o.file.Close()
	} else {
		o.conn.Close()
	}
}
