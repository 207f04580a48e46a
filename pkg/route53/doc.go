// Package route53 owns the way from what Amazon Route 53 says of a hosted zone
// to our files: the JSON that `aws route53 list-resource-record-sets`,
// `list-health-checks` and `list-cidr-blocks` print becomes a zone file and a
// steering file, and a list of what could not be carried over.
//
// It asks nobody and writes no file: bytes come in, bytes go out. Whether the
// result loads is for pkg/zone and pkg/steering to say; its tests ask them.
//
// The entry points are [Input.Read], for each file, and [Input.Convert].
package route53
