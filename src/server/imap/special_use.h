// SPECIAL-USE attributes (RFC 6154, RFC 8457) between their names on the wire and the store's bits.
// Values only; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace eilpost::server {

// "\Sent" in any case; 0 for what is not a special use.
uint16_t special_use_bit(std::string_view name);
// In the RFC's spelling, in its order.
std::vector<std::string> special_use_names(uint16_t bits);

}  // namespace eilpost::server
