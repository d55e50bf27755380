#include "exporters/web_pages.h"

namespace backscatter {
namespace {

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

constexpr std::string_view kHead = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>backscatterd</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 45em; margin: 2em auto; padding: 0 1em;
       color-scheme: light dark; }
dt { font-family: ui-monospace, monospace; }
dd { margin: 0 0 .5em 1.5em; }
</style>
</head>
<body>
<main>
<h1>backscatterd</h1>
<p>Sees mail backscatter on the wire.</p>
)";

constexpr std::string_view kLinks = R"(<dl>
<dt><a href="metrics">/metrics</a></dt><dd>for Prometheus</dd>
<dt><a href="api/v1/status">/api/v1/status</a></dt><dd>this agent: sources, losses, coverage</dd>
<dt><a href="api/v1/floods">/api/v1/floods</a></dt><dd>floods that run, and the latest that ended</dd>
<dt><a href="api/v1/targets">/api/v1/targets</a></dt><dd>who gets the bounces</dd>
<dt><a href="api/v1/sources">/api/v1/sources</a></dt><dd>who sends them</dd>
<dt><a href="api/v1/transactions">/api/v1/transactions</a></dt><dd>the latest, where they are kept</dd>
<dt><a href="-/healthy">/-/healthy</a>, <a href="-/ready">/-/ready</a></dt><dd>for probes</dd>
)";

}  // namespace

std::string RenderLandingPage(const LandingPage& page) {
  std::string html(kHead);
  html +=
      "<p>Version " + EscapeHtml(page.version) + ". State: " + EscapeHtml(page.state) + ".</p>\n";
  html += kLinks;
  if (page.lifecycle) {
    html += "<dt>POST /-/reload</dt><dd>reads the configuration again</dd>\n";
  }
  html += "</dl>\n</main>\n</body>\n</html>\n";
  return html;
}

}  // namespace backscatter
