// Signed packages and installed apps that differ in what tests ask for.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "device/apps/installation/installation.h"
#include "protocol/image/testing/packages.h"

namespace pavise::device::testing {

struct AppWish {
  std::string name = "blink";
  int number = 1;  // 1 to 9, in the component id
  std::string version = "1.0.0";
  int epoch = 4;
  std::string capabilities = "{}";
  std::string lifecycle = "{}";
};

inline std::string component_text(int number) {
  return "6f1c7a52-90f1-4d0c-8f61-0c4f6a6b3e0" + std::to_string(number);
}
inline manifest::ComponentId component_of(int number) {
  return *manifest::ComponentId::parse(component_text(number));
}

inline std::string manifest_text(const AppWish& wish) {
  return R"({"schema_version":1,"name":")" + wish.name + R"(","component_id":")" +
         component_text(wish.number) + R"(","version":")" + wish.version +
         R"(","security_epoch":)" + std::to_string(wish.epoch) +
         R"(,"entry_point":"/app/bin/blink","capabilities":)" + wish.capabilities +
         R"(,"budgets":{"memory_kib":1024,"cpu_percent":10,"processes":2},"lifecycle":)" +
         wish.lifecycle + "}";
}

inline Bytes package_of(const AppWish& wish, const char* tenant = "acme") {
  const std::string manifest = manifest_text(wish);
  image::Parts parts = image::testing::parts();
  parts.manifest = as_bytes(manifest);
  parts.tenant = *TenantId::parse(tenant);
  return image::testing::package(parts).bytes;
}

inline InstallRules rules_of_acme() {
  return {.owner = {*TenantId::parse("acme"), image::testing::owner_keys()},
          .hardware = {},
          .inspector = 65534};
}

inline std::string write_package(const std::filesystem::path& path, const Bytes& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return path;
}

// As read_installation() makes one, without a look into its content.
inline InstalledApp installed(const std::filesystem::path& folder, const AppWish& wish) {
  const std::string path = write_package(folder / (wish.name + ".pvimage"), package_of(wish));
  auto package =
      open_package(path, image::testing::owner_keys(), {{"x86-64", 1, 1}, {"pavise-app", 1, 1}});
  EXPECT_TRUE(package) << package.error().message();
  auto policy = make_app_policy(package->package.manifest(), {});
  EXPECT_TRUE(policy) << policy.error().message();
  return {.path = path, .deployed = false, .package = *std::move(package), .policy = *policy};
}

}  // namespace pavise::device::testing
