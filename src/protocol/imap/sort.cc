#include "protocol/imap/sort.h"

#include <algorithm>
#include <array>

namespace eilpost::imap {
namespace {

struct KeyName {
  std::string_view name;
  SortKey key;
};
constexpr auto key_names = std::to_array<KeyName>({
    {"ARRIVAL", SortKey::arrival},
    {"CC", SortKey::cc},
    {"DATE", SortKey::date},
    {"FROM", SortKey::from},
    {"SIZE", SortKey::size},
    {"SUBJECT", SortKey::subject},
    {"TO", SortKey::to},
    {"DISPLAYFROM", SortKey::display_from},
    {"DISPLAYTO", SortKey::display_to},
    {"RELEVANCY", SortKey::relevancy},
});

// sort-criterion = ["REVERSE" SP] sort-key
Result<SortCriterion> parse_criterion(Cursor& cursor) {
  SortCriterion criterion;
  criterion.reverse = cursor.accept_word("REVERSE");
  if (criterion.reverse) TRY(cursor.space());
  for (const KeyName& known : key_names) {
    if (!cursor.accept_word(known.name)) continue;
    criterion.key = known.key;
    return criterion;
  }
  return cursor.expected("a sort key");
}

}  // namespace

// sort = "SORT" [search-return-opts] SP sort-criteria SP search-criteria
// sort-criteria = "(" sort-criterion *(SP sort-criterion) ")"
Result<Sort> parse_sort(Cursor& cursor) {
  TRY(cursor.space());
  Sort command;
  command.search.returns = TRY(parse_search_return(cursor));
  TRY(cursor.list_of_some([&]() -> Result<> {
    const SortCriterion read = TRY(parse_criterion(cursor));
    const auto same = [&](const SortCriterion& known) { return known.key == read.key; };
    if (std::none_of(command.criteria.begin(), command.criteria.end(), same)) {
      command.criteria.push_back(read);
    }
    return {};
  }));
  TRY(cursor.space());
  TRY(parse_search_criteria(cursor, command.search));
  return command;
}

void print_sort(CommandWriter& out, const Sort& command) {
  out.raw("SORT");
  print_search_return(out, command.search.returns);
  std::string_view before = " (";
  for (const SortCriterion& criterion : command.criteria) {
    out.raw(before).raw(criterion.reverse ? "REVERSE " : "").raw(sort_key_name(criterion.key));
    before = " ";
  }
  out.raw(") ");
  print_search_criteria(out, command.search);
}

std::string_view sort_key_name(SortKey key) {
  for (const KeyName& known : key_names) {
    if (known.key == key) return known.name;
  }
  return {};
}

}  // namespace eilpost::imap
