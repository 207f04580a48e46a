package dnswire

import (
	"strconv"
	"strings"
)

// Type is the type of a record or of a question.
type Type uint16

// Types that the code calls by name.
const (
	TypeA          Type = 1
	TypeNS         Type = 2
	TypeMD         Type = 3
	TypeMF         Type = 4
	TypeCNAME      Type = 5
	TypeSOA        Type = 6
	TypeMB         Type = 7
	TypeMG         Type = 8
	TypeMR         Type = 9
	TypeNULL       Type = 10
	TypePTR        Type = 12
	TypeHINFO      Type = 13
	TypeMINFO      Type = 14
	TypeMX         Type = 15
	TypeTXT        Type = 16
	TypeRP         Type = 17
	TypeAFSDB      Type = 18
	TypeRT         Type = 21
	TypeSIG        Type = 24
	TypeKEY        Type = 25
	TypePX         Type = 26
	TypeAAAA       Type = 28
	TypeLOC        Type = 29
	TypeNXT        Type = 30
	TypeSRV        Type = 33
	TypeNAPTR      Type = 35
	TypeKX         Type = 36
	TypeCERT       Type = 37
	TypeDNAME      Type = 39
	TypeOPT        Type = 41
	TypeDS         Type = 43
	TypeSSHFP      Type = 44
	TypeRRSIG      Type = 46
	TypeNSEC       Type = 47
	TypeDNSKEY     Type = 48
	TypeNSEC3      Type = 50
	TypeNSEC3PARAM Type = 51
	TypeTLSA       Type = 52
	TypeCDS        Type = 59
	TypeCDNSKEY    Type = 60
	TypeZONEMD     Type = 63
	TypeSVCB       Type = 64
	TypeHTTPS      Type = 65
	TypeTKEY       Type = 249
	TypeTSIG       Type = 250
	TypeIXFR       Type = 251
	TypeAXFR       Type = 252
	TypeMAILB      Type = 253
	TypeMAILA      Type = 254
	TypeANY        Type = 255
	TypeURI        Type = 256
	TypeCAA        Type = 257
	// TypeSTEER names the policy by which a name is answered. It is of private
	// use (RFC 6895, Section 3.1) and never leaves the server.
	TypeSTEER Type = 65400
)

// typeNames has the mnemonics of the IANA registry of RR types, and STEER.
var typeNames = map[Type]string{
	TypeA: "A", TypeNS: "NS", TypeMD: "MD", TypeMF: "MF", TypeCNAME: "CNAME", TypeSOA: "SOA",
	TypeMB: "MB", TypeMG: "MG", TypeMR: "MR", TypeNULL: "NULL", 11: "WKS", TypePTR: "PTR",
	TypeHINFO: "HINFO", TypeMINFO: "MINFO", TypeMX: "MX", TypeTXT: "TXT", TypeRP: "RP",
	TypeAFSDB: "AFSDB", 19: "X25", 20: "ISDN", TypeRT: "RT", 22: "NSAP", 23: "NSAP-PTR",
	TypeSIG: "SIG", TypeKEY: "KEY", TypePX: "PX", 27: "GPOS", TypeAAAA: "AAAA", TypeLOC: "LOC",
	TypeNXT: "NXT", 31: "EID", 32: "NIMLOC", TypeSRV: "SRV", 34: "ATMA", TypeNAPTR: "NAPTR",
	TypeKX: "KX", TypeCERT: "CERT", 38: "A6", TypeDNAME: "DNAME", 40: "SINK", TypeOPT: "OPT",
	42: "APL", TypeDS: "DS", TypeSSHFP: "SSHFP", 45: "IPSECKEY", TypeRRSIG: "RRSIG",
	TypeNSEC: "NSEC", TypeDNSKEY: "DNSKEY", 49: "DHCID", TypeNSEC3: "NSEC3",
	TypeNSEC3PARAM: "NSEC3PARAM", TypeTLSA: "TLSA", 53: "SMIMEA", 55: "HIP", 56: "NINFO",
	57: "RKEY", 58: "TALINK", TypeCDS: "CDS", TypeCDNSKEY: "CDNSKEY", 61: "OPENPGPKEY",
	62: "CSYNC", TypeZONEMD: "ZONEMD", TypeSVCB: "SVCB", TypeHTTPS: "HTTPS", 66: "DSYNC",
	67: "HHIT", 68: "BRID", 99: "SPF", 100: "UINFO", 101: "UID", 102: "GID", 103: "UNSPEC",
	104: "NID", 105: "L32", 106: "L64", 107: "LP", 108: "EUI48", 109: "EUI64", 128: "NXNAME",
	TypeTKEY: "TKEY", TypeTSIG: "TSIG", TypeIXFR: "IXFR", TypeAXFR: "AXFR", TypeMAILB: "MAILB",
	TypeMAILA: "MAILA", TypeANY: "ANY", TypeURI: "URI", TypeCAA: "CAA", 258: "AVC", 259: "DOA",
	260: "AMTRELAY", 261: "RESINFO", 262: "WALLET", 263: "CLA", 264: "IPN", 32768: "TA",
	32769: "DLV", TypeSTEER: "STEER",
}

var typesByName = func() map[string]Type {
	m := make(map[string]Type, len(typeNames))
	for t, name := range typeNames {
		m[name] = t
	}
	return m
}()

// String returns the mnemonic of t, or TYPE and its number if it has none
// (RFC 3597, Section 5).
func (t Type) String() string {
	if name, ok := typeNames[t]; ok {
		return name
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType returns the type that a mnemonic, or TYPE and a number, stands for,
// in any letter case. It reports false for anything else.
func ParseType(text string) (Type, bool) {
	text = strings.ToUpper(text)
	if t, ok := typesByName[text]; ok {
		return t, true
	}
	digits, ok := strings.CutPrefix(text, "TYPE")
	if !ok || digits == "" || !isDigit(digits[0]) {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return Type(n), err == nil
}

// TypeNames returns the mnemonics of all types that have one, in no order: what
// a misspelled one may have been meant to be.
func TypeNames() []string {
	names := make([]string, 0, len(typesByName))
	for name := range typesByName {
		names = append(names, name)
	}
	return names
}
