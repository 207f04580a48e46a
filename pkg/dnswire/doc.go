// Package dnswire owns the bytes of a DNS message: names in wire and in text
// form, the header, the question and EDNS of a query, and the building of a
// reply with compressed names into a buffer of the caller. DNS cookies, which
// are a function of such bytes, are here too.
//
// It knows nothing of zones, sockets, policies or the time, and keeps no state
// beyond one message. Whatever comes from the network goes through
// [Query.Parse], which never panics, never allocates and takes time linear in
// the length of the packet.
//
// The entry points are [Query.Parse] for what comes in, [Message] for what goes
// out and [ParseName] for names in text.
//
// A name is held in wire form, uncompressed: each label after a byte with its
// length, the root's zero byte last, 255 octets at most (RFC 1035, Section 3.1).
//
//	03 'w' 'w' 'w' 07 'e' 'x' 'a' 'm' 'p' 'l' 'e' 03 'c' 'o' 'm' 00
//
// Length bytes are below 64 and so no letters of ASCII (65 to 90 and 97 to
// 122): a whole name may be folded to lower case, or compared without regard to
// case, without looking at where its labels begin.
package dnswire
