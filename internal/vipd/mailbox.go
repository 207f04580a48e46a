package vipd

import "sync"

// maxMail bounds a mailbox. What is sent is bounded by what is configured; only
// an instance that hangs for minutes gets there.
const maxMail = 4096

// mailbox takes messages from any goroutine without ever blocking them, and
// rings the bell of the instance that reads it.
type mailbox struct {
	bell bell

	mu     sync.Mutex
	mail   []func(*instance)
	closed bool
}

// post adds a message: a function that the instance runs on its own goroutine.
// It reports false if the instance has ended or does not read.
func (m *mailbox) post(f func(*instance)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || len(m.mail) >= maxMail {
		return false
	}
	m.mail = append(m.mail, f)
	m.bell.ring()
	return true
}

// ring wakes the instance for what lies elsewhere.
func (m *mailbox) ring() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.bell.ring()
	}
}

// take returns all that waits.
func (m *mailbox) take() []func(*instance) {
	m.bell.hush()
	m.mu.Lock()
	defer m.mu.Unlock()
	mail := m.mail
	m.mail = nil
	return mail
}

// close makes post report false from now on.
func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.bell.close()
}
