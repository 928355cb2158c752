// The contract suite: what every implementation of HubStore must hold. An implementation's test
// instantiates HubStoreContract with a way to make an empty store and to open it again.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "cloud/hub/store/hub_store.h"
#include "common/base/clock.h"

namespace pavise::hub::store {

class HubStoreUnderTest {
 public:
  virtual ~HubStoreUnderTest() = default;
  virtual HubStore& get() = 0;
  virtual void reopen() = 0;  // as after a restart of the server
};

using HubStoreMaker = std::function<std::unique_ptr<HubStoreUnderTest>(const Clock&)>;

inline constexpr UnixMillis kTestTime = 1'700'000'000'000;

// One operation with an answer.
template <class T, class Ask>
Result<T> ask_as(HubStore& store, const Ask& ask) {
  std::optional<Result<T>> answer;
  const HubStore::Operation operation = [&](HubTransaction& transaction) -> Status {
    answer.emplace(ask(transaction));
    if (!*answer) return answer->error();
    return {};
  };
  const Status status = store.execute(operation);
  if (!status) return status.error();
  if (!answer || !*answer) return Error(kStoreFailed, "success without an answer");
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return *std::move(*answer);
}
template <class Ask>
auto ask(HubStore& store, const Ask& question) {
  using Answer = std::invoke_result_t<Ask, HubTransaction&>;
  return ask_as<typename Answer::value_type>(store, question);
}

iothub::HubName hub_name(std::string_view text = "acme");
iothub::Identity device_id(std::string_view device = "d1", std::string_view module_id = {},
                           std::string_view hub = "acme");
HubRecord make_hub(HubStore& store, std::string_view name = "acme");
IdentityRecord make_device(HubStore& store, std::string_view device = "d1",
                           std::string_view module_id = {});
MessageToDevice sample_message(std::string_view device = "d1");

class HubStoreContract : public testing::TestWithParam<HubStoreMaker> {
 protected:
  void SetUp() override { under_test_ = GetParam()(clock_); }
  HubStore& store() { return under_test_->get(); }
  void reopen() { under_test_->reopen(); }
  template <class Ask>
  auto run(const Ask& question) {
    return ask(store(), question);
  }

  ManualClock clock_{kTestTime};

 private:
  std::unique_ptr<HubStoreUnderTest> under_test_;
};

}  // namespace pavise::hub::store
