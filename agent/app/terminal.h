// What standard output is and can show.
#pragma once

#include <cstddef>

namespace backscatter {

struct Terminal {
  std::size_t columns = 100;  // of the table: the terminal's, from 80 to 100; 100 where piped
  bool colour = false;        // a terminal that is not "dumb", and NO_COLOR is empty
  bool unicode = false;       // a terminal in a UTF-8 locale
};

// Reads the environment (TERM, NO_COLOR, LC_ALL, LC_CTYPE, LANG) and asks the terminal.
Terminal DescribeTerminal(int fd);

}  // namespace backscatter
