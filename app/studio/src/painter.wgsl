// Triangles of egui: a colour times a texture, nothing else. `painter.rs` says why.

// Size of the window in points, then two unused numbers.
@group(0) @binding(0) var<uniform> window: vec4<f32>;
// As egui's own painter binds them; its third binding is not needed.
@group(1) @binding(0) var texture: texture_2d<f32>;
@group(1) @binding(1) var filtering: sampler;

struct Corner {
    @builtin(position) place: vec4<f32>,
    @location(0) on_texture: vec2<f32>,
    // premultiplied, gamma encoded
    @location(1) colour: vec4<f32>,
}

@vertex
fn corner(
    @location(0) place: vec2<f32>,
    @location(1) on_texture: vec2<f32>,
    @location(2) colour: vec4<f32>,
) -> Corner {
    let at = vec2(2.0, -2.0) * place / window.xy + vec2(-1.0, 1.0);
    return Corner(vec4(at, 0.0, 1.0), on_texture, colour);
}

@fragment
fn paint(corner: Corner) -> @location(0) vec4<f32> {
    return corner.colour * textureSample(texture, filtering, corner.on_texture);
}

@group(0) @binding(0) var picture: texture_2d<f32>;

// One triangle over the whole window.
@vertex
fn everywhere(@builtin(vertex_index) k: u32) -> @builtin(position) vec4<f32> {
    return vec4(f32(k & 1u) * 4.0 - 1.0, f32(k >> 1u) * 4.0 - 1.0, 0.0, 1.0);
}

// A pixel of the picture for a pixel of the window.
@fragment
fn show(@builtin(position) place: vec4<f32>) -> @location(0) vec4<f32> {
    return textureLoad(picture, vec2<i32>(place.xy), 0);
}
