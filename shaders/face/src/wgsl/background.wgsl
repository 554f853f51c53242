// The studio wall: a vertical gradient with a soft pool of light behind the head and the bust's own soft shadow on it.
// Twin: `twin/mod.rs`, fn wall.

struct WallOut {
    @builtin(position) clip: vec4f,
    @location(0) at: vec2f,    // -1..1, y up
}

@vertex
fn vs_wall(@builtin(vertex_index) i: u32) -> WallOut {
    let p = vec2f(f32((i << 1u) & 2u), f32(i & 2u)) * 2.0 - 1.0;
    return WallOut(vec4f(p, 1.0, 1.0), p);
}

fn wall(at: vec2f) -> vec3f {
    let y = at.y * 0.5 + 0.5;
    let base = mix(frame.bottom.rgb, frame.top.rgb, y * y * (3.0 - 2.0 * y));
    let q = vec2f(at.x * frame.overlay.z, at.y);
    let p = q - vec2f(-0.10, 0.12);
    let pool = exp(-dot(p, p) * 0.9);
    let d = (q - vec2f(0.34, -0.42)) * vec2f(1.15, 0.90);
    let umbra = exp(-dot(d, d) * 2.4);
    return base * (0.84 + 0.40 * pool) * (1.0 - 0.26 * umbra);
}

@fragment
fn fs_wall(v: WallOut) -> @location(0) vec4f {
    return vec4f(wall(v.at), 1.0);
}
