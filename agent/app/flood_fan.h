// Tells several listeners of floods.
#pragma once

#include <utility>
#include <vector>

#include "agent/detect/flood.h"

namespace backscatter {

// In the order given; they must outlive it.
class FloodFan final : public FloodListener {
 public:
  void Add(FloodListener* listener) { listeners_.push_back(listener); }

  void OnRaised(const Flood& flood) override {
    for (FloodListener* listener : listeners_) listener->OnRaised(flood);
  }
  void OnUpdated(const Flood& flood) override {
    for (FloodListener* listener : listeners_) listener->OnUpdated(flood);
  }
  void OnCleared(const Flood& flood) override {
    for (FloodListener* listener : listeners_) listener->OnCleared(flood);
  }

 private:
  std::vector<FloodListener*> listeners_;
};

}  // namespace backscatter
