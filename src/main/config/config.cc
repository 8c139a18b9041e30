#include "main/config/config.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "main/config/toml.h"

namespace eilpost {

ConfigOutcome parse_config(std::string_view text, const std::string& file) {
  ConfigOutcome out;
  out.config.file = file;
  out.config.settings.default_mailboxes = standard_mailboxes();
  out.config.settings.hostname = system_hostname();
  out.config.node.name = system_hostname();
  const auto parsed = parse_toml(text);
  if (!parsed) {
    out.problems.push_back(parsed.error());
    return out;
  }
  apply_config(*parsed, out.config, out.problems);
  return out;
}

Result<ConfigOutcome> read_config(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return fail_errno(file, errno);
  std::ostringstream text;
  text << in.rdbuf();
  if (in.bad()) return fail(Code::io, file + ": cannot be read");
  return parse_config(text.str(), file);
}

std::string print_problem(const std::string& file, const ConfigProblem& problem) {
  std::string out = file;
  if (problem.place.line != 0) {
    out += fmt::format(":{}:{}", problem.place.line, problem.place.column);
  }
  if (!problem.key.empty()) out += ": " + problem.key;
  return out + ": " + problem.text;
}

}  // namespace eilpost
