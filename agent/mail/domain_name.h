// A mail domain in the one form under which it is counted.
#pragma once

#include <string>
#include <string_view>

namespace backscatter {

// Overwrites `out` with the canonical form of `domain`: a lower-case A-label without its trailing
// dot, or an address literal ("[192.0.2.1]", "[IPv6:2001:db8::1]"). False, and `out` empty, for
// what cannot be a domain: an empty or over-long label (RFC 1035 section 2.3.4), over 255 octets, a
// blank, a control or a special character (RFC 5322 section 3.2.3), invalid UTF-8, a bad literal.
// libidn2 is asked only where a byte above 0x7f is there; what it refuses stays in UTF-8,
// ASCII letters lower-cased. O(n). Allocates only for IDNA and literals.
bool MakeCanonicalDomain(std::string_view domain, std::string& out);

// Well-formed UTF-8 by Unicode 15 table 3-7 (no surrogates, no over-long forms). O(n).
bool IsValidUtf8(std::string_view text);

}  // namespace backscatter
