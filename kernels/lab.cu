// uint8 sRGB -> L and ab in network units, and back to uint8: kernels/lab_bytes.py once more, in CUDA C++, to compare.
//
// A Triton program is told what happens to a tile and finds its threads itself; here one thread's work is written down. So the
// vector loads that Triton derives (16 bytes for four floats) are asked for by name: uint64_t, float4. What both share: bytes
// and planes in one pass, 15 bytes of memory traffic per pixel; 64 bits where a batch may hold more than 2^31 values.
// Compiled with --use_fast_math: log2f and exp2f become the two instructions that lab_device.py writes as PTX.
// No header of PyTorch: nvcc takes this file as it stands, and lab_cuda.py calls the two C functions at the end.

#include <cstdint>

struct Matrix { float m[9]; };  // from minicolor/ops/lab.py, row by row; passed by value, so it lies in constant memory

#define BOTH __host__ __device__ inline  // tests run these on the CPU, where there is no GPU

BOTH float root(float t) { return t > 0.008856452f ? exp2f(log2f(t) / 3) : t * 7.787037f + 4.f / 29; }  // CIE 15:2004
BOTH float cube(float f) { return f > 6.f / 29 ? f * f * f : (f - 4.f / 29) / 7.787037f; }
BOTH float encode(float x) { return x > 0.0031308f ? 1.055f * exp2f(log2f(x) / 2.4f) - 0.055f : 12.92f * x; }  // IEC 61966-2-1
BOTH uint64_t to_byte(float x) { return uint64_t(fminf(fmaxf(encode(x), 0.f), 1.f) * 255 + 0.5f); }

struct Lab { float l, a, b; };

BOTH Lab to_lab(float r, float g, float b, const Matrix& to) {  // linear light -> network units
    float x = root(to.m[0] * r + to.m[1] * g + to.m[2] * b);
    float y = root(to.m[3] * r + to.m[4] * g + to.m[5] * b);
    float z = root(to.m[6] * r + to.m[7] * g + to.m[8] * b);
    return {(y - 4.f / 29) * (116.f / 50) - 1, (x - y) * (500.f / 110), (y - z) * (200.f / 110)};
}

BOTH uint64_t to_bytes(float l, float a, float b, const Matrix& from) {  // network units -> three bytes, red lowest
    float f = (l + 1) * (50.f / 116) + 4.f / 29;
    float x = cube(f + a * (110.f / 500)), y = cube(f), z = cube(f - b * (110.f / 200));
    return to_byte(from.m[0] * x + from.m[1] * y + from.m[2] * z)
         | to_byte(from.m[3] * x + from.m[4] * y + from.m[5] * z) << 8
         | to_byte(from.m[6] * x + from.m[7] * y + from.m[8] * z) << 16;
}

// What a thread does. K pixels of one picture, from pixel K * i on: K = 4 or 8 where H * W has the factor 8, else K = 1.

template <int K>
BOTH void units_at(int64_t picture, int64_t i, const uint8_t* rgb, const float* light, Matrix to, float* l, float* ab,
                   int64_t pixels) {
    rgb += picture * pixels * 3;
    l += picture * pixels;
    ab += picture * pixels * 2;
    if (K == 1) {
        Lab one = to_lab(light[rgb[3 * i]], light[rgb[3 * i + 1]], light[rgb[3 * i + 2]], to);
        l[i] = one.l, ab[i] = one.a, ab[pixels + i] = one.b;
    } else {  // 12 bytes, from a multiple of 4 on: two words of 8 bytes hold them, and one half too many
        const uint64_t* words = reinterpret_cast<const uint64_t*>(rgb) + i * 3 / 2;
        uint64_t w0 = words[0], w1 = words[1];
        bool odd = i % 2;
        uint32_t x[3] = {uint32_t(odd ? w0 >> 32 : w0), uint32_t(odd ? w1 : w0 >> 32), uint32_t(odd ? w1 >> 32 : w1)};
        Lab four[4];
        for (int k = 0; k < 4; k++) {  // unrolled: every shift is a constant
            float channel[3];
            for (int c = 0; c < 3; c++) channel[c] = light[x[(3 * k + c) / 4] >> (3 * k + c) % 4 * 8 & 255];
            four[k] = to_lab(channel[0], channel[1], channel[2], to);
        }
        reinterpret_cast<float4*>(l)[i] = make_float4(four[0].l, four[1].l, four[2].l, four[3].l);
        reinterpret_cast<float4*>(ab)[i] = make_float4(four[0].a, four[1].a, four[2].a, four[3].a);
        reinterpret_cast<float4*>(ab + pixels)[i] = make_float4(four[0].b, four[1].b, four[2].b, four[3].b);
    }
}

template <int K>
BOTH void bytes_at(int64_t picture, int64_t i, const float* l, const float* ab, Matrix from, uint8_t* rgb, int64_t pixels) {
    l += picture * pixels + K * i;
    ab += picture * pixels * 2 + K * i;
    rgb += (picture * pixels + K * i) * 3;
    if (K == 1) {
        uint64_t one = to_bytes(*l, ab[0], ab[pixels], from);
        rgb[0] = one, rgb[1] = one >> 8, rgb[2] = one >> 16;
    } else {  // 8 pixels: 24 bytes, three words
        uint64_t p[8];
        for (int half = 0; half < 8; half += 4) {
            float4 light = *reinterpret_cast<const float4*>(l + half);
            float4 a = *reinterpret_cast<const float4*>(ab + half), b = *reinterpret_cast<const float4*>(ab + pixels + half);
            p[half] = to_bytes(light.x, a.x, b.x, from), p[half + 1] = to_bytes(light.y, a.y, b.y, from);
            p[half + 2] = to_bytes(light.z, a.z, b.z, from), p[half + 3] = to_bytes(light.w, a.w, b.w, from);
        }
        uint64_t* words = reinterpret_cast<uint64_t*>(rgb);
        words[0] = p[0] | p[1] << 24 | p[2] << 48;  // pixel 2 is cut in two: 16 bits here, 8 in the next word
        words[1] = p[2] >> 16 | p[3] << 8 | p[4] << 32 | p[5] << 56;
        words[2] = p[5] >> 8 | p[6] << 16 | p[7] << 40;
    }
}

// Which pixels a thread has: `blocks` blocks of threads for each picture, the last one of them partly idle.

template <int K>
__global__ void bytes_to_units(const uint8_t* rgb, const float* light, Matrix to, float* l, float* ab, int64_t pixels, int blocks) {
    int64_t i = int64_t(blockIdx.x % blocks) * blockDim.x + threadIdx.x;
    if (K * i < pixels) units_at<K>(blockIdx.x / blocks, i, rgb, light, to, l, ab, pixels);
}

template <int K>
__global__ void units_to_bytes(const float* l, const float* ab, Matrix from, uint8_t* rgb, int64_t pixels, int blocks) {
    int64_t i = int64_t(blockIdx.x % blocks) * blockDim.x + threadIdx.x;
    if (K * i < pixels) bytes_at<K>(blockIdx.x / blocks, i, l, ab, from, rgb, pixels);
}

constexpr int THREADS = 128;

int blocks_for(int64_t pixels, int k) { return int((pixels + THREADS * k - 1) / (THREADS * k)); }

// For Python. words: whether all may be read and written in words. Result: 0, or CUDA's number for what went wrong.

extern "C" int lab_bytes_to_units(const uint8_t* rgb, const float* light, Matrix to, float* l, float* ab, int64_t n,
                                  int64_t pixels, int words, cudaStream_t stream) {
    int blocks = blocks_for(pixels, words ? 4 : 1);
    auto kernel = words ? bytes_to_units<4> : bytes_to_units<1>;
    kernel<<<n * blocks, THREADS, 0, stream>>>(rgb, light, to, l, ab, pixels, blocks);
    return cudaGetLastError();
}

extern "C" int lab_units_to_bytes(const float* l, const float* ab, Matrix from, uint8_t* rgb, int64_t n, int64_t pixels,
                                  int words, cudaStream_t stream) {
    int blocks = blocks_for(pixels, words ? 8 : 1);
    auto kernel = words ? units_to_bytes<8> : units_to_bytes<1>;
    kernel<<<n * blocks, THREADS, 0, stream>>>(l, ab, from, rgb, pixels, blocks);
    return cudaGetLastError();
}
