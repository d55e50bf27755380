// Header fields as they are found in the wild: pure parsers, views into the text they are given.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/base/ascii.h"
#include "agent/smtp/message_facts.h"

namespace backscatter {

inline constexpr std::size_t kMaxFieldBytes = 8192;  // of one unfolded field

struct HeaderField {
  std::string_view name;   // as written
  std::string_view value;  // without blanks around it

  bool Is(std::string_view other) const { return EqualsIgnoreCase(name, other); }
};

// `Name: value` or `Name : value`; nullopt for a line that is no field (RFC 5322 section 2.2; a
// name of at most 64 octets).
std::optional<HeaderField> SplitField(std::string_view line);

// Puts folded fields together. What goes beyond kMaxFieldBytes is dropped.
class FieldAssembler {
 public:
  void Reset() { text_.clear(); }
  bool pending() const { return !text_.empty(); }

  // Takes a line. The field before it goes to `sink` if this line begins another one. False: the
  // line is neither a field nor a folded continuation, and was not taken.
  template <typename Sink>
  bool Add(std::string_view line, Sink&& sink) {
    if (!line.empty() && IsBlank(line.front()) && pending()) {
      Continue(line);
      return true;
    }
    if (!SplitField(line)) return false;
    Flush(sink);
    text_.assign(line.substr(0, kMaxFieldBytes));
    return true;
  }
  // Also for continuations that lost their indentation.
  void Continue(std::string_view line);

  template <typename Sink>
  void Flush(Sink&& sink) {
    if (!pending()) return;
    if (const std::optional<HeaderField> field = SplitField(text_)) sink(*field);
    text_.clear();
  }

 private:
  std::string text_;
};

// The next address in free text at or behind `*position`, which is moved behind it; empty: none.
// Cost: linear in what is passed over.
std::string_view NextAddress(std::string_view text, std::size_t* position);

// The first address of a From or To value; the words without `<>` and comments where it has no
// domain; empty for `<>`.
std::string_view MailboxAddress(std::string_view value);

// The next `<id>` at or behind `*position`, without brackets; empty: none.
std::string_view NextMessageId(std::string_view value, std::size_t* position);
// The first id of the value, also where brackets are missing.
std::string_view OneMessageId(std::string_view value);

// Parameter of a Content-Type or similar value, unquoted (RFC 2045; also `name*=` and `name*0=`);
// empty: absent.
std::string_view FieldParameter(std::string_view value, std::string_view name);
// `text/plain` of `text/plain; charset=x`.
std::string_view MediaType(std::string_view value);

ReceivedHop ParseReceived(std::string_view value);
// The address of its `for` clause; empty: none.
std::string_view ReceivedFor(std::string_view value);

// The first `c.s.d` (RFC 3463) that stands alone in the text; class_digit 0: none.
EnhancedStatus FindStatus(std::string_view text);

// Where `needle` (lower case) occurs, case ignored; npos: nowhere. For short needles.
std::size_t FindIgnoreCase(std::string_view text, std::string_view needle, std::size_t from = 0);
inline bool ContainsIgnoreCase(std::string_view text, std::string_view needle) {
  return FindIgnoreCase(text, needle) != std::string_view::npos;
}

}  // namespace backscatter
