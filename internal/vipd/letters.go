package vipd

import (
	"sync"

	"github.com/geodns-vipd/geodns/internal/vrrpnet"
)

// maxLetters is how many messages of other vipd nodes may wait for an instance:
// more than that is a flood, and of it the newest are lost.
const maxLetters = 64

// letters are the messages of other vipd nodes that wait for an instance. They
// lie apart from its mail, so that they can be read by themselves, ahead of
// what else waits.
type letters struct {
	mu    sync.Mutex
	queue []vrrpnet.Packet
}

// add puts a message in, and reports whether it was the first.
func (l *letters) add(p vrrpnet.Packet) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) < maxLetters {
		l.queue = append(l.queue, p)
	}
	return len(l.queue) == 1
}

// take returns all that waits.
func (l *letters) take() []vrrpnet.Packet {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.queue
	l.queue = nil
	return waiting
}

// readLetters delivers the messages that wait.
func (in *instance) readLetters() {
	for _, p := range in.letters.take() {
		in.deliverMessage(&p)
	}
}
