package geodns

import (
	"context"
	"time"

	"github.com/geodns-vipd/geodns/internal/state"
	"github.com/geodns-vipd/geodns/pkg/answer"
)

// cookieSecret is the file of the secrets of DNS cookies in the state folder.
const cookieSecret = "cookie-secret"

// cookieLook is how often the age of the secret is looked at.
const cookieLook = time.Minute

// cookiesOf returns the secrets as answers need them.
func cookiesOf(s state.Secrets) answer.Cookies {
	return answer.Cookies{Current: s.Current, Previous: s.Other, Enabled: true}
}

// openCookies reads the secrets at the start. What cannot be read or kept is told,
// and serving goes on.
func (s *Server) openCookies() {
	secrets, err := s.dir.Secrets(cookieSecret)
	if err != nil {
		s.Log.Error("DNS cookies will change with the next restart", "err", err)
	}
	s.cookies = cookiesOf(secrets)
}

// readCookies takes over what the file of the secrets says now; with a mistake in
// it the old ones stay. It runs where reloads do.
func (s *Server) readCookies() {
	secrets, err := s.dir.ReadSecrets(cookieSecret)
	if err != nil {
		s.Log.Error("the secrets of DNS cookies stay as they were", "err", err)
		return
	}
	if next := cookiesOf(secrets); next != s.cookies {
		s.cookies = next
		s.Log.Info("new secrets of DNS cookies")
	}
}

// cookiesUnchanged reports whether the file of the secrets still says what is in
// use, or nothing that could be used.
func (s *Server) cookiesUnchanged() bool {
	secrets, err := s.dir.ReadSecrets(cookieSecret)
	return err != nil || cookiesOf(secrets) == s.cookies
}

// cookieLoop rolls the secret at the age that the configuration sets. The change of
// the file makes a reload, as that of an operator does.
func (s *Server) cookieLoop(ctx context.Context) error {
	age := s.Config.CookieRoll
	if age == 0 {
		return nil
	}
	ticker := time.NewTicker(min(cookieLook, age))
	defer ticker.Stop()
	for failed := false; ; {
		_, err := s.dir.RollSecrets(cookieSecret, age, time.Now())
		if err != nil && !failed {
			s.Log.Error("the secret of DNS cookies cannot be rolled", "err", err)
		}
		failed = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
