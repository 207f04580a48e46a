package querylog

import (
	"encoding/binary"
)

// Field numbers of dnstap.proto (https://dnstap.info), as far as they are used.
const (
	tapIdentity = 1
	tapVersion  = 2
	tapExtra    = 3
	tapMessage  = 14
	tapType     = 15 // 1: MESSAGE

	msgType         = 1 // 2: AUTH_RESPONSE
	msgFamily       = 2 // 1: INET, 2: INET6
	msgProtocol     = 3 // 1: UDP, 2: TCP
	msgQueryAddress = 4
	msgQueryPort    = 6
	msgQuerySeconds = 8
	msgQueryNanos   = 9 // fixed32
	msgQuery        = 10
	msgZone         = 11
	msgReplySeconds = 12
	msgReplyNanos   = 13 // fixed32
	msgReply        = 14
)

// Wire types of protocol buffers.
const (
	wireVarint  = 0
	wireBytes   = 2
	wireFixed32 = 5
)

// AppendDnstap appends an entry as the protocol buffer Dnstap with a message of type
// AUTH_RESPONSE, without a frame around it. dnstap has no field for the decision:
// it stands in extra as the line of JSON that [AppendJSON] makes.
func AppendDnstap(b []byte, e *Entry, identity, version string) []byte {
	if identity != "" {
		b = appendBytes(b, tapIdentity, []byte(identity))
	}
	b = appendBytes(b, tapVersion, []byte(version))
	extra := AppendJSON(nil, e)
	b = appendBytes(b, tapExtra, extra[:len(extra)-1])
	b = appendBytes(b, tapMessage, tapMessageOf(e))
	return appendVarint(b, tapType, 1)
}

// tapMessageOf returns the protocol buffer Message of an entry.
func tapMessageOf(e *Entry) []byte {
	b := appendVarint(nil, msgType, 2)
	addr := e.Client.Addr().Unmap()
	family, protocol := uint64(1), uint64(1)
	if addr.Is6() {
		family = 2
	}
	if e.TCP {
		protocol = 2
	}
	b = appendVarint(b, msgFamily, family)
	b = appendVarint(b, msgProtocol, protocol)
	b = appendBytes(b, msgQueryAddress, addr.AsSlice())
	b = appendVarint(b, msgQueryPort, uint64(e.Client.Port()))
	seconds, nanos := uint64(e.At.Unix()), uint32(e.At.Nanosecond())
	b = appendVarint(b, msgQuerySeconds, seconds)
	b = appendFixed32(b, msgQueryNanos, nanos)
	b = appendBytes(b, msgQuery, e.Query)
	if e.Outcome.Zone != nil {
		b = appendBytes(b, msgZone, []byte(e.Outcome.Zone.Origin))
	}
	if e.Limited != "drop" && len(e.Reply) > 0 {
		b = appendVarint(b, msgReplySeconds, seconds)
		b = appendFixed32(b, msgReplyNanos, nanos)
		b = appendBytes(b, msgReply, e.Reply)
	}
	return b
}

func appendVarint(b []byte, field, value uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3|wireVarint), value)
}

func appendFixed32(b []byte, field uint64, value uint32) []byte {
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(b, field<<3|wireFixed32), value)
}

func appendBytes(b []byte, field uint64, data []byte) []byte {
	b = binary.AppendUvarint(b, field<<3|wireBytes)
	return append(binary.AppendUvarint(b, uint64(len(data))), data...)
}

// Control frames of Frame Streams, by which dnstap is carried.
const (
	FrameAccept uint32 = 1
	FrameStart  uint32 = 2
	FrameStop   uint32 = 3
	FrameReady  uint32 = 4
	FrameFinish uint32 = 5
)

// ContentType is what the frames of dnstap hold.
const ContentType = "protobuf:dnstap.Dnstap"

const frameFieldContentType = 1

// AppendControl appends a control frame to b. Ready and Start say what the data
// frames hold.
//
//	+-----------+--------+------+-------------------------------------+
//	| escape, 0 | length | type | content type: field, length, octets |
//	+-----------+--------+------+-------------------------------------+
func AppendControl(b []byte, kind uint32) []byte {
	var field []byte
	if kind == FrameReady || kind == FrameStart {
		field = binary.BigEndian.AppendUint32(field, frameFieldContentType)
		field = binary.BigEndian.AppendUint32(field, uint32(len(ContentType)))
		field = append(field, ContentType...)
	}
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(4+len(field)))
	b = binary.BigEndian.AppendUint32(b, kind)
	return append(b, field...)
}

// AppendData appends a data frame to b.
func AppendData(b, data []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(data))), data...)
}
