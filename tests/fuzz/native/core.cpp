// What the core makes of hostile test vectors, by libFuzzer: of messages, codecs, layers, models, planes and series. An
// input is what tests/cross/driver.cpp reads. Errors are what it may end in; what is pushed must be popped again.
//
//   cmake -DBITSBACK_FUZZERS=ON -DCMAKE_CXX_COMPILER=clang++ ...; tests/fuzz/native/run.sh does it
#include <cstdlib>
#include <string>

#define main driver
#include "../../cross/driver.cpp"
#undef main

namespace {

// Where the tables are: beside the program, or else in the source tree.
std::string tables = BITSBACK_TABLES;

std::vector<std::int32_t> table(const char* name) {
    std::FILE* file = std::fopen((tables + "/" + name).c_str(), "rb");
    if (file == nullptr) std::abort();
    Fields fields(file);
    std::vector<std::int32_t> values;
    for (std::uint32_t value = 0; fields.word(value);) values.push_back(static_cast<std::int32_t>(value));
    std::fclose(file);
    return values;
}

// The tables are those that ship: codecs trust them.
const State& fresh() {
    static const State state{Message({head_floor}, {}, 0), table("normal_quantile.bin"), table("normal_cdf.bin"),
                             table("logistic_cdf.bin")};
    return state;
}

void run_all(Fields& fields) {
    State state = fresh();
    for (std::uint32_t operation = 0; fields.word(operation);) {
        if (operation == 'T')
            for (int left = 3; left != 0; --left) fields.array<std::int32_t>();
        else
            run(operation, fields, state);
    }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char*** arguments) {
    const std::string program = (*arguments)[0];
    const std::string beside = program.substr(0, program.rfind('/') + 1) + "tables";
    if (std::FILE* file = std::fopen((beside + "/normal_cdf.bin").c_str(), "rb")) {
        std::fclose(file);
        tables = beside;
    }
    return std::freopen("/dev/null", "w", stdout) == nullptr;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::FILE* file = fmemopen(const_cast<std::uint8_t*>(data), size, "rb");
    try {
        Fields fields(file);
        run_all(fields);
    } catch (const NotGivenBack&) {
        throw;
    } catch (const std::exception&) {
    }
    std::fclose(file);
    return 0;
}
