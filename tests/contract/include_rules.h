// Which room may include which: the direction of every dependency, in one table.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace backscatter::contract {

// The room of a path relative to the root of the tree ("base", "smtp", "exporters", "tests",
// "wire" for bpf/include/wire.h); empty where the path belongs to none.
std::string_view RoomOf(std::string_view path);

// True if a file of room `from` may include a header of room `to`. Unknown rooms may nothing.
bool EdgeAllowed(std::string_view from, std::string_view to);

// Faults of the #include lines of one C++ file, as readable lines: an edge against the order, a
// library outside the files that may see it, a project header not named from the root.
std::vector<std::string> CheckIncludes(std::string_view path, std::string_view text);

// Faults of the `backscatter::ROOM` targets that the CMakeLists.txt of a room links to.
std::vector<std::string> CheckLinks(std::string_view path, std::string_view text);

}  // namespace backscatter::contract
