#include "base/check.h"
#include "directory/outside/ldap_schema.h"
#include "directory/outside/source.h"
#include "tests/fuzz.h"

using namespace eilpost::directory;

// Whoever logs in and whose mail is opened are what was typed, parted at one place.
FUZZ_TARGET(login_name) {
  const LoginName login = split_login_name(data);
  if (login.mailbox.empty()) {
    CHECK(login.own == data);
  } else {
    CHECK(login.own.size() + 1 + login.mailbox.size() == data.size());
    CHECK(data.substr(0, login.own.size()) == login.own);
    CHECK(data.substr(login.own.size() + 1) == login.mailbox);
  }
}

// A filter that is read prints as one that reads as the same.
FUZZ_TARGET(ldap_filter) {
  const auto filter = parse_filter(data);
  if (!filter) return;
  const auto again = parse_filter(print_filter(*filter));
  CHECK(again.has_value());
  CHECK(*again == *filter);
}

// Whatever name is looked for, the filter has the shape that it has for a harmless one.
FUZZ_TARGET(ldap_name) {
  Query query;
  auto name = parse_spelling(data, {});
  if (!name) {
    // Also where folding would have refused it.
    name = Spelling{};
    name->user = name->whole = data;
  }
  query.name = *name;
  if (name->user.empty() && name->address.empty()) return;
  for (const auto& schema : {active_directory_schema(), inet_org_person_schema()}) {
    const auto built = filter_for(schema, query);
    CHECK(built.has_value());
    const auto read = parse_filter(print_filter(*built));
    CHECK(read.has_value());
    CHECK(*read == *built);
    for (const LdapFilter& part : read->parts[1].parts) {
      CHECK(part.kind == LdapFilter::Kind::equal);
    }
  }
}
