package vrrpnet

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// networkHeader is SKF_NET_OFF of linux/filter.h: an offset from here on
// counts from the IP header, wherever the packet's data begins.
const networkHeader = 0xfff00000

const (
	accept = 0xffffffff
	drop   = 0
)

// advertFilter lets through what may be an advertisement of our virtual
// router from somebody else. The shapes of the two families differ: an IPv4 raw
// socket sees the header, an IPv6 one does not.
func advertFilter(cfg *Config, source netip.Addr) []bpf.Instruction {
	var f []bpf.Instruction
	if source.Is4() {
		f = append(f, bpf.LoadMemShift{Off: 0}, bpf.LoadIndirect{Off: 1, Size: 1})
	} else {
		f = append(f, bpf.LoadAbsolute{Off: 1, Size: 1})
	}
	f = append(f, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(cfg.VRID), SkipTrue: 1}, bpf.RetConstant{Val: drop})
	f = append(f, ifFrom(source, drop)...)
	if !cfg.Unicast || cfg.Strangers < 2 {
		return append(f, bpf.RetConstant{Val: accept})
	}
	for _, p := range cfg.Peers[:min(len(cfg.Peers), maxFilterPeers)] {
		if p.Is4() == source.Is4() {
			f = append(f, ifFrom(p, accept)...)
		}
	}
	if len(cfg.Peers) > maxFilterPeers {
		return append(f, bpf.RetConstant{Val: accept})
	}
	// The kernel's random number, modulo, is 0 for one in so many.
	return append(f,
		bpf.LoadExtension{Num: bpf.ExtRand},
		bpf.ALUOpConstant{Op: bpf.ALUOpMod, Val: uint32(cfg.Strangers)},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 1},
		bpf.RetConstant{Val: drop},
		bpf.RetConstant{Val: accept})
}

// maxFilterPeers bounds the length of a filter (4096 instructions); with more
// peers than that, strangers are not told apart here.
const maxFilterPeers = 256

// ifFrom ends the filter with verdict if the packet comes from a.
func ifFrom(a netip.Addr, verdict uint32) []bpf.Instruction {
	words, off := a.AsSlice(), uint32(networkHeader+12)
	if a.Is6() {
		off = networkHeader + 8
	}
	var f []bpf.Instruction
	n := len(words) / 4
	for i := range n {
		f = append(f,
			bpf.LoadAbsolute{Off: off + uint32(4*i), Size: 4},
			// Past the rest of the words and the verdict.
			bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: binary.BigEndian.Uint32(words[4*i:]), SkipTrue: uint8(2*(n-1-i) + 1)})
	}
	return append(f, bpf.RetConstant{Val: verdict})
}

// messageFilter lets datagrams through that may be messages of vipd (magic
// "VIPD", behind eight bytes of UDP) with that TTL or hop limit or more, and do
// not come from ourselves.
func messageFilter(source netip.Addr, minTTL uint8) []bpf.Instruction {
	ttl := uint32(networkHeader + 8)
	if source.Is6() {
		ttl = networkHeader + 7
	}
	f := []bpf.Instruction{
		bpf.LoadAbsolute{Off: 8, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32([]byte("VIPD")), SkipTrue: 1},
		bpf.RetConstant{Val: drop},
		bpf.LoadAbsolute{Off: ttl, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: uint32(minTTL), SkipTrue: 1},
		bpf.RetConstant{Val: drop},
	}
	f = append(f, ifFrom(source, drop)...)
	return append(f, bpf.RetConstant{Val: accept})
}

func attach(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		prog[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(prog)))})
}
