// Pages for people.
#pragma once

#include <string>
#include <string_view>

namespace backscatter {

struct LandingPage {
  std::string_view version;
  std::string_view state;  // one line; escaped here
  bool lifecycle = false;
};

// HTML that loads nothing and runs nothing.
std::string RenderLandingPage(const LandingPage& page);

}  // namespace backscatter
