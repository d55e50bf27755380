// The one place where text from the wire is made safe for people and machines.
#pragma once

#include <string>
#include <string_view>

namespace backscatter {

// Appends `text` as the inside of a JSON string: quotes, backslashes and control characters are
// escaped, valid UTF-8 stays, and every byte that is not part of valid UTF-8 becomes \ufffd
// (Unicode 15, section 3.9: one replacement a maximal bad part). Never fails. O(n).
void AppendJsonEscaped(std::string_view text, std::string& out);

// `text` for a terminal or a log line: control characters (C0, DEL, C1), bidirectional overrides
// and invalid UTF-8 become "\xHH" byte escapes; a backslash is doubled. Never fails. O(n).
std::string EscapeForTerminal(std::string_view text);

}  // namespace backscatter
