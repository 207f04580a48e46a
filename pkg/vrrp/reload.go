package vrrp

import "net/netip"

// reload takes a new configuration over without leaving the state.
func (s *step) reload(cfg *Config) {
	if err := cfg.Check(); err != nil {
		s.alarm(AlarmReload, netip.Addr{}, "not taken over: %v", err)
		return
	}
	if !s.cfg.SameRouter(cfg) {
		s.alarm(AlarmReload, netip.Addr{}, "not taken over: the virtual router or its source address changed: stop and start the instance")
		return
	}
	old, down := s.cfg, s.masterDown()
	s.adopt(cfg)
	switch {
	case !s.running || s.state == Init:
		s.priority = s.effective()
		s.leaveInit()
		return
	case s.state == Backup && !s.released.IsValid():
		if s.heard == 0 {
			s.masterInterval = cfg.Interval
		}
		s.set(timerMasterDown, s.due[timerMasterDown]+s.masterDown()-down)
	}
	s.reassess(CauseReload, "reloaded")
	if s.state == Master {
		s.reloadMaster(old)
	}
}

// adopt puts cfg in place and carries over what is known of tracked things and
// peers, by name and address. A thing that is newly tracked counts as up with
// no effect until its first word.
func (s *step) adopt(cfg *Config) {
	fresh := make([]tracked, len(cfg.Trackers))
	for i := range cfg.Trackers {
		t := &cfg.Trackers[i]
		if j := s.cfg.trackerIndex(t.Kind, t.Name); j >= 0 {
			fresh[i] = s.tracked[j]
		}
	}
	var peers []peer
	for _, p := range cfg.Peers {
		known := peer{addr: p.Addr}
		if i := s.peerIndex(p.Addr); i >= 0 {
			known = s.peers[i]
		}
		known.configured = true
		peers = append(peers, known)
	}
	for _, p := range s.peers {
		if !p.configured && cfg.peerIndex(p.addr) < 0 {
			peers = append(peers, p)
		}
	}
	s.cfg, s.tracked, s.peers = cfg, fresh, peers
}

// reloadMaster brings addresses and advertisements to the new configuration.
func (s *step) reloadMaster(old *Config) {
	s.masterInterval = s.cfg.Interval
	s.do(AddAddresses{})
	s.lastRefresh = s.now
	s.set(timerRefresh, s.now+RefreshInterval)
	if old.Digest() != s.cfg.Digest() {
		s.sendAdverts(s.priority)
		s.set(timerAdvert, s.now+s.cfg.Interval)
	}
	if old.Addresses != s.cfg.Addresses {
		s.announce(s.cfg.Announce, "addresses changed")
		s.announceAgain(s.cfg.Announce, s.cfg.AnnounceDelay)
	}
	if old.AnnounceEvery != s.cfg.AnnounceEvery {
		s.setPeriodic()
	}
}
