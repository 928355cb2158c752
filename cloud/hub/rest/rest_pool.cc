#include "cloud/hub/rest/rest_pool.h"

#include "protocol/iothub/hub_error.h"

namespace pavise::hub::rest {

RestPool::RestPool(const Services& services, unsigned threads, unsigned file_threads)
    : api_(services), clock_(services.clock) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(calls_); });
  for (unsigned i = 0; i < file_threads; ++i) threads_.emplace_back([this] { run(files_); });
}

RestPool::~RestPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  calls_.work.notify_all();
  files_.work.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void RestPool::serve(HttpRequest request, std::function<void(HttpResponse)> answer) {
  auto done = [this, begun_us = metrics::steady_us(),
               answer = std::move(answer)](HttpResponse response) {
    counters_.answered_us.add(metrics::steady_us() - begun_us);
    counters_.by_status[static_cast<std::size_t>(response.status) % RestCounters::kStatusMax].add();
    answer(std::move(response));
  };
  Lane& lane = api_.carries_file(request) ? files_ : calls_;
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_ && lane.items.size() < lane.waiting_max) {
      lane.items.push_back({std::move(request), std::move(done)});
      lane.work.notify_one();
      return;
    }
  }
  iothub::HubHttpError busy = iothub::http_error(
      iothub::HubErrorCode::server_busy,
      {.message = "too many calls wait", .tracking_id = {}, .now_ms = clock_.now_ms()});
  done({.status = busy.status, .headers = std::move(busy.headers), .body = std::move(busy.body)});
}

std::optional<HttpHeadVerdict> RestPool::judge(const HttpHead& head) {
  auto verdict = api_.judge(head);
  if (verdict && verdict->refusal)
    counters_.by_status[static_cast<std::size_t>(verdict->refusal->status)].add();
  return verdict;
}

std::size_t RestPool::waiting() const {
  const std::lock_guard lock(mutex_);
  return calls_.items.size() + files_.items.size();
}

void RestPool::run(Lane& lane) {
  std::unique_lock lock(mutex_);
  for (;;) {
    lane.work.wait(lock, [&] { return stopping_ || !lane.items.empty(); });
    if (lane.items.empty()) return;
    Item item = std::move(lane.items.front());
    lane.items.pop_front();
    lock.unlock();
    api_.handle(item.request, item.done);
    lock.lock();
  }
}

}  // namespace pavise::hub::rest
