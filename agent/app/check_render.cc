// The findings of `check` for people and for machines.
#include <algorithm>
#include <string>
#include <string_view>

#include "agent/app/check_report.h"
#include "agent/base/json_writer.h"

namespace backscatter {
namespace {

using State = CheckFinding::State;

constexpr std::size_t kWidth = 100;

std::string_view SignOf(State state) {
  switch (state) {
    case State::kYes:
      return "yes ";
    case State::kNo:
      return "NO  ";
    case State::kNote:
      return "note";
  }
  return "";
}

std::string_view NameOf(State state) {
  switch (state) {
    case State::kYes:
      return "yes";
    case State::kNo:
      return "no";
    case State::kNote:
      return "note";
  }
  return "";
}

// Words wrapped at kWidth, each line behind `indent` blanks but the first, which stands there.
void AppendWrapped(std::string_view text, std::size_t indent, std::string& out) {
  std::size_t column = indent;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    if (column > indent && column + 1 + word.size() > kWidth) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  out += '\n';
}

}  // namespace

std::string RenderCheckTable(const CheckReport& report) {
  std::string out;
  std::string_view section;
  for (const CheckFinding& finding : report.findings) {
    if (finding.section != section) {
      section = finding.section;
      out += (out.empty() ? "" : "\n") + std::string(section) + "\n";
    }
    out += "  " + std::string(SignOf(finding.state)) + "  ";
    AppendWrapped(finding.text, 8, out);
    if (finding.fix.empty() || finding.state == State::kYes) continue;
    out += "        -> ";
    AppendWrapped(finding.fix, 11, out);
  }
  out += "\n";
  AppendWrapped(report.verdict, 0, out);
  return out;
}

std::string RenderCheckJson(const CheckReport& report) {
  std::string out;
  JsonWriter json(&out);
  json.BeginObject();
  json.Field("schema", "backscatter.check/1");
  json.Field("would_see_mail", report.would_see_mail);
  json.Field("can_capture", report.can_capture);
  json.Field("verdict", report.verdict);
  json.Key("look_seconds");
  json.Double(static_cast<double>(report.looked_for) / static_cast<double>(kSecond));
  json.Key("findings");
  json.BeginArray();
  for (const CheckFinding& finding : report.findings) {
    json.BeginObject();
    json.Field("section", finding.section);
    json.Field("state", NameOf(finding.state));
    json.Field("text", finding.text);
    if (finding.fix.empty()) {
      json.NullField("fix");
    } else {
      json.Field("fix", finding.fix);
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return out + "\n";
}

}  // namespace backscatter
