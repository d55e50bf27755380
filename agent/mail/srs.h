// Sender rewriting (SRS): is a recipient an address under which we forwarded somebody's mail?
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace backscatter {

// Const use from several threads is safe.
class SrsDomains {
 public:
  SrsDomains() = default;
  // As MakeCanonicalDomain writes them (`srs.domains`, validated).
  explicit SrsDomains(std::vector<std::string> domains) : domains_(std::move(domains)) {}

  // `path` as sent, without angle brackets: the shape of an SRS0 or SRS1 address (address_tags.h)
  // at one of the domains. Its hash is not checked, so anybody can write one. Allocates for SRS
  // shapes only.
  bool Contains(std::string_view path) const;

 private:
  std::vector<std::string> domains_;
};

}  // namespace backscatter
