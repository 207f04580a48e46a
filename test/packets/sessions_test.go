package packets

import "testing"

func runSessions(t *testing.T, servers []*server, sc *scores) {}
