package netlink

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// ignoreOwnRenewals makes a socket pass over every RTM_NEWADDR of an address
// with our mark, unless IPv6's duplicate detection has failed.
func ignoreOwnRenewals(fd int) error {
	const (
		typeOff  = 4                                        // nlmsg_type
		flagsOff = unix.NLMSG_HDRLEN + 2                    // ifa_flags
		attrsOff = unix.NLMSG_HDRLEN + unix.SizeofIfAddrmsg // the first attribute
	)
	raw, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: typeOff, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: hostWord(unix.RTM_NEWADDR), SkipTrue: 9},
		bpf.LoadAbsolute{Off: flagsOff, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: unix.IFA_F_DADFAILED, SkipTrue: 7},
		// A = where the attribute X begins, looked for from A on; 0: nowhere.
		bpf.LoadConstant{Dst: bpf.RegX, Val: ifaProto},
		bpf.LoadConstant{Dst: bpf.RegA, Val: attrsOff},
		bpf.LoadExtension{Num: bpf.ExtNetlinkAttr},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 3},
		bpf.TAX{},
		bpf.LoadIndirect{Off: unix.SizeofRtAttr, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: AddrProto, SkipTrue: 1},
		bpf.RetConstant{Val: 0xffffffff},
		bpf.RetConstant{Val: 0},
	})
	if err != nil {
		return err
	}
	return attach(fd, raw)
}

// hostWord returns v, which stands in a message in the order of this machine,
// as a filter loads it: in the order of the network.
func hostWord(v uint16) uint32 {
	return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, v)))
}

func attach(fd int, raw []bpf.RawInstruction) error {
	prog := make([]unix.SockFilter, len(raw))
	for i, in := range raw {
		prog[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: (*unix.SockFilter)(unsafe.Pointer(unsafe.SliceData(prog)))})
}
