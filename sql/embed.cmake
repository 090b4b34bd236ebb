# cmake -DFOLDER=… -DLIST=… -DOUTPUT=… -P embed.cmake
# Writes the files that LIST names (one a line, relative to FOLDER) to OUTPUT as the C table of
# server/store/sql_files.h. As bytes, because ISO C limits string literals to 4095 characters.
file(STRINGS ${LIST} names)
set(arrays "")
set(rows "")
set(number 0)
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name} bytes HEX)
  string(LENGTH "${bytes}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND arrays "static const unsigned char file_${number}[] = {\n${bytes}\n0x00};\n\n")
  string(APPEND rows "    {\"${name}\", (const char *)file_${number}, ${length}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "/* Written by sql/embed.cmake. */
#include \"store/sql_files.h\"

${arrays}const struct sql_file sql_files[] = {
${rows}    {0, 0, 0},
};

const size_t sql_file_count = ${number};
")
file(RENAME ${OUTPUT}.new ${OUTPUT})
