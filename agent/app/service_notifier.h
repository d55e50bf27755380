// Tells systemd how the service is (sd_notify(3), without its library).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/base/packet_time.h"

namespace backscatter {

// Not thread-safe. Without NOTIFY_SOCKET every call does nothing.
class ServiceNotifier {
 public:
  // `socket`: a path, or "@name" for an abstract one; empty: nobody listens.
  explicit ServiceNotifier(std::string socket, std::optional<PacketTime> watchdog = std::nullopt);
  // From NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which are taken out of the environment.
  static ServiceNotifier FromEnvironment();
  ~ServiceNotifier();
  ServiceNotifier(ServiceNotifier&& other) noexcept;
  ServiceNotifier& operator=(ServiceNotifier&&) = delete;

  void Ready(std::string_view status);
  // Followed by Ready when it is done.
  void Reloading();
  void Stopping();
  void Watchdog();
  // One line for `systemctl status`: escaped, and cut at 1000 bytes.
  void Status(std::string_view status);

  // How often Watchdog must be called: half of what systemd asks for. nullopt: never.
  std::optional<PacketTime> watchdog_interval() const { return watchdog_; }

 private:
  void Send(const std::string& text);

  std::string socket_;
  std::optional<PacketTime> watchdog_;
  int fd_ = -1;
};

}  // namespace backscatter
