// hub file: what devices uploaded
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>

#include "cli/program/hub_verb.h"
#include "cli/view/hub_views.h"

namespace pavise::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kPageMax = 1000;  // files in one answer

struct FileArguments {
  std::string hub, device, name, path;

  std::string target() const { return "/files/" + url_encode(device) + "/" + url_encode(name); }
};

std::string text_of(const json::value& file, std::string_view name) {
  const json::object* const object = file.if_object();
  const json::value* const value = object == nullptr ? nullptr : object->if_contains(name);
  return value == nullptr || !value->is_string()
             ? std::string()
             : std::string(std::string_view(value->get_string()));
}

Exit list(Session& session, const FileArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  json::array all;
  std::string after_device;
  std::string after_name;
  for (;;) {
    const auto answer = session.hub_call(*hub, "GET",
                                         with_query("/files", {{"device", a.device},
                                                               {"afterDevice", after_device},
                                                               {"afterName", after_name}}));
    if (!answer) return session.exit();
    if (!answer->is_array()) return session.fail(Error(kBadAnswer, "no list of files"));
    for (const json::value& file : answer->get_array()) all.push_back(file);
    if (answer->get_array().size() < kPageMax) break;
    after_device = text_of(all.back(), "deviceId");
    after_name = text_of(all.back(), "blobName");
  }
  session.print(session.json() ? json::serialize(all) + "\n"
                               : view::hub_files(all, session.colour()));
  return Exit::ok;
}

// Piece by piece into a file beside the one that is asked for, which takes its place when it is
// whole.
Exit fetch(Session& session, const FileArguments& a, const std::string& hub, std::uint64_t size,
           const std::string& etag) {
  const std::string partial = a.path + ".partial";
  std::ofstream out(partial, std::ios::binary | std::ios::trunc);
  std::uint64_t done = 0;
  while (out && done < size) {
    const auto piece = session.hub_bytes(
        hub, "GET", with_query(a.target(), {{"offset", std::to_string(done)}, {"etag", etag}}));
    if (!piece || piece->empty()) {
      std::remove(partial.c_str());
      return piece ? session.fail(Error(kBadAnswer, "the file is shorter than it was said"))
                   : session.exit();
    }
    out.write(piece->data(), static_cast<std::streamsize>(piece->size()));
    done += piece->size();
  }
  out.close();
  if (!out || std::rename(partial.c_str(), a.path.c_str()) != 0) {
    std::remove(partial.c_str());
    return session.fail(Error(kFileUnreadable, a.path));
  }
  session.print(session.json() ? "{}\n" : a.path + ", " + std::to_string(size) + " bytes\n");
  return Exit::ok;
}

Exit get(Session& session, const FileArguments& a) {
  const auto hub = session.hub_name(a.hub);
  if (!hub) return session.exit();
  const auto answer =
      session.hub_call(*hub, "GET", with_query("/files", {{"device", a.device}, {"name", a.name}}));
  if (!answer) return session.exit();
  if (!answer->is_array() || answer->get_array().size() != 1)
    return session.fail(Error(kBadAnswer, "no file"));
  const json::value& file = answer->get_array()[0];
  const json::object* const object = file.if_object();
  const json::value* const size = object == nullptr ? nullptr : object->if_contains("sizeInBytes");
  if (size == nullptr || !size->is_int64() || size->get_int64() < 0)
    return session.fail(Error(kBadAnswer, "no size"));
  return fetch(session, a, *hub, static_cast<std::uint64_t>(size->get_int64()),
               text_of(file, "etag"));
}

Exit remove(Session& session, const FileArguments& a) {
  return hub_do(session, a.hub, "removed", "DELETE", a.target());
}

}  // namespace

void add_hub_file_verbs(CLI::App& hub, Action& run) {
  CLI::App* noun = add_noun(hub, "file", "files that devices uploaded");
  const auto add = [&](const std::string& name, const std::string& about,
                       const std::string& example, bool one, bool to_disk,
                       Exit (*action)(Session&, const FileArguments&)) {
    auto arguments = std::make_shared<FileArguments>();
    CLI::App* verb = add_verb(*noun, name, about, "  pavise hub file " + example);
    add_hub_option(verb, arguments->hub);
    CLI::Option* device =
        verb->add_option("-d,--device,--device-id", arguments->device, "the device");
    if (one) {
      device->required();
      verb->add_option("--name", arguments->name, "the name that the device gave it")->required();
    }
    if (to_disk)
      verb->add_option("-p,--path", arguments->path, "the file to write here")->required();
    on_device_verb(verb, run, arguments, action);
  };
  add("list", "all of a hub, or of one device", "list -n plant-1 -d thermo", false, false, &list);
  add("get", "fetch one", "get -n plant-1 -d thermo --name logs/boot.txt --path boot.txt", true,
      true, &get);
  add("delete", "remove one for good", "delete -n plant-1 -d thermo --name logs/boot.txt", true,
      false, &remove);
}

}  // namespace pavise::cli
