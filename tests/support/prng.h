// A small generator of pseudo-random numbers whose sequence is the same on every machine
// (std distributions differ between libraries). xoshiro256**, seeded by SplitMix64
// (Blackman and Vigna, public domain algorithms).
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace backscatter::support {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t Next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // In [0, bound); bound > 0. The bias is below bound / 2^32, which no count here can notice.
  std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((Next() >> 32) * bound) >> 32);
  }
  // In [low, high], both included.
  std::uint32_t Between(std::uint32_t low, std::uint32_t high) {
    return low + Below(high - low + 1);
  }
  // True `permille` times of a thousand.
  bool Chance(std::uint32_t permille) { return Below(1000) < permille; }

  template <typename T, std::size_t N>
  const T& Pick(const T (&choices)[N]) {
    return choices[Below(static_cast<std::uint32_t>(N))];
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace backscatter::support
