// write_malformed KEY TENANT FOLDER: malformed_packages() as files there, with a list in list.json,
// for tests that have a device. KEY: the PEM of the owner's private key.
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <iostream>

#include "cli/app/owner_key.h"
#include "tests/app_package/malformed.h"

namespace pavise::app_package {
namespace {

int write(const std::string& key_file, const std::string& tenant,
          const std::filesystem::path& folder) {
  const auto key = cli::app::read_owner_key(key_file);
  const auto id = TenantId::parse(tenant);
  if (!key || !id) {
    std::cerr << (key ? "no name of a tenant" : key.error().message()) << '\n';
    return 1;
  }
  boost::json::array list;
  for (const Malformed& row : malformed_packages({*key, *id})) {
    const std::string file = std::to_string(list.size()) + ".pvimage";
    std::ofstream out(folder / file, std::ios::binary);
    out << as_text(row.bytes);
    list.push_back({{"file", file}, {"what", row.what}, {"code", row.code}});
    if (!out.flush()) return 1;
  }
  std::ofstream out(folder / "list.json");
  out << boost::json::serialize(list);
  // What the helpers of tests did not get is an expectation that failed.
  return out.flush() && !testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 0 : 1;
}

}  // namespace
}  // namespace pavise::app_package

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 4) {
    std::cerr << "usage: write_malformed KEY TENANT FOLDER\n";
    return 2;
  }
  return pavise::app_package::write(argv[1], argv[2], argv[3]);
}
