#include "agent/detect/flood.h"

namespace backscatter {

std::string_view FloodKindName(FloodKind kind) {
  switch (kind) {
    case FloodKind::kJoeJob:
      return "joe_job";
    case FloodKind::kRandomRecipients:
      return "random_recipients";
    case FloodKind::kEmitter:
      return "emitter";
    case FloodKind::kCalloutStorm:
      return "callout_storm";
    case FloodKind::kOwnEmission:
      return "own_emission";
    case FloodKind::kBounceLoop:
      return "bounce_loop";
    case FloodKind::kWidespread:
      return "widespread";
  }
  return "unknown";
}

}  // namespace backscatter
