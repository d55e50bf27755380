// Messages for the scripts: what mail systems write about mail, and what is none of that.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backscatter {

// A message that comes back.
struct Returned {
  std::string message_id = {};
  std::vector<std::string> received = {};          // values, outermost first
  std::vector<std::string> more_message_ids = {};  // below the first one
};

// One recipient of a report.
struct Failed {
  std::string final_recipient;
  std::string original_recipient = {};
  std::string action = {};  // empty: that of the report
};

// A delivery report as RFC 3464 has it.
struct Dsn {
  std::string id = "report-1@mta.far.example";
  std::string action = "failed";
  std::string reporting_mta = "mta.far.example";
  std::string envelope_id = {};
  std::vector<Failed> about = {{"gone@far.example"}};
  std::vector<Returned> returned = {};  // each one within the one before it
  std::size_t hops = 1;                 // Received headers of the report itself
};

std::string Text(const Dsn& dsn);

// What a bounce of a mail says that somebody else wrote in a name of ours.
Dsn Misdirected();

// A mail of a person, with the Received header of the host that sends it.
std::string Mail(std::string_view message_id, std::string_view received = {});
// A failure report in free form that names and returns nothing.
std::string BareBounce();
// The same with one Received header of what it returns.
std::string BareBounceWith(std::string_view received);
std::string Vacation(std::string_view in_reply_to = {}, std::string_view references = {});
std::string Challenge(std::string_view in_reply_to = {});
// RFC 8098. Empty parts are left out.
std::string Mdn(std::string_view original_message_id, std::string_view final_recipient = {});
// A mail filter that refuses a message after the fact, in the form of an MDN (RFC 5429).
std::string RefusingMdn(std::string_view original_message_id);
std::string Complaint();
std::string TlsReport();
std::string DmarcReport();
// A ticket system's notice: no bounce, no auto-reply.
std::string Ticket();

}  // namespace backscatter
