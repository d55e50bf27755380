#include "agent/app/web_reports.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace backscatter {

std::shared_ptr<const ApiReport> WebReports::Get() {
  std::unique_lock lock(box_->mutex);
  if (box_->ended) return nullptr;
  if (box_->report != nullptr && Clock::now() < box_->fresh_until) return box_->report;
  if (!std::exchange(box_->asked, true)) {
    box_->report = nullptr;
    lock.unlock();
    ask_([box = box_](std::shared_ptr<const ApiReport> report, std::chrono::nanoseconds cost) {
      const std::lock_guard made(box->mutex);
      box->report = std::move(report);
      box->fresh_until =
          Clock::now() + std::max<std::chrono::nanoseconds>(kKept, kCostsKept * cost);
      box->asked = false;
      box->changed.notify_all();
    });
    lock.lock();
  }
  box_->changed.wait_for(lock, kLongest, [this] { return box_->ended || !box_->asked; });
  return box_->ended || box_->asked ? nullptr : box_->report;
}

void MakeApiReport(Pipeline& pipeline, RunInfo run, const TargetNamer& name,
                   const WebReports::Done& done) {
  const auto start = std::chrono::steady_clock::now();
  auto report = std::make_shared<ApiReport>();
  report->report = pipeline.Snapshot(std::move(run), {}, kApiMostRows);
  report->labels.reserve(report->report.targets.size());
  for (const AddressCounts& row : report->report.targets) {
    report->labels.push_back(name(row.address));
  }
  done(std::move(report), std::chrono::steady_clock::now() - start);
}

TargetNamer NamerOf(const SnapshotPublisher& publisher) {
  return [&publisher](std::string_view address) {
    const std::size_t at = address.rfind('@');
    return publisher.LabelOf(
        address, at == std::string_view::npos ? std::string_view() : address.substr(at + 1));
  };
}

void WebReports::End() {
  const std::lock_guard lock(box_->mutex);
  box_->ended = true;
  box_->changed.notify_all();
}

}  // namespace backscatter
