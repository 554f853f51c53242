// What one picture needs to know, the vertex it is drawn from, and how a vertex is placed.
// Mirrored by `frame.rs` (struct Frame) and `morph.rs` (struct Dynamic), `head.rs` (struct Static); a test compares
// the layouts through naga.

struct Frame {
    clip_from_world: mat4x4f,
    light_from_world: mat4x4f,
    head_from_rest: mat4x4f,
    body: vec4f,           // xyz: translation of the whole bust; w: cm a pixel covers at the face
    eye: vec4f,            // xyz: camera; w: exposure
    key: vec4f,            // xyz: towards the key light; w: radius of the soft shadow in shadow-map uv
    fill: vec4f,
    rim: vec4f,
    kicker: vec4f,
    top: vec4f,            // background, linear rgb
    bottom: vec4f,
    eye_left: vec4f,       // centre at rest and radius
    eye_right: vec4f,
    overlay: vec4f,        // x: 0 none, 1 heat; y: displacement of full heat, cm; z: width / height
    ghost: vec4f,          // tint rgb, alpha
}

@group(0) @binding(0) var<uniform> frame: Frame;

struct VertexIn {
    @location(0) position: vec4f,  // morphed, head at rest; w: displacement, cm
    @location(1) normal: vec4f,
    @location(2) rest: vec3f,      // neutral position
    @location(3) part: u32,
    @location(4) albedo: vec4f,    // w: how far the vertex follows the head (garment 0, face 1)
    @location(5) material: vec4f,  // roughness, specular F0, subsurface, occlusion
}

fn placed(p: vec3f, follow: f32) -> vec3f {
    let head = (frame.head_from_rest * vec4f(p, 1.0)).xyz;
    return mix(p + frame.body.xyz, head, follow);
}

fn placed_normal(n: vec3f, follow: f32) -> vec3f {
    let head = (frame.head_from_rest * vec4f(n, 0.0)).xyz;
    return mix(n, head, follow);
}
